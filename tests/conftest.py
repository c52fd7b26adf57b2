"""What every test gets: fixed seeds, JAX as the oracle if it is there, and a check that nothing leaked."""

import importlib.util
import os
import random
import zlib

# Workers share the processors: BLAS's threads, which wait for each other, would stall them. Read once, by NumPy.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import numpy as np
import pytest

from jaxlite.config import config, jit_is_disabled
from jaxlite.trace import EVAL, _current, current_trace
from tests.sampling import leave_out

# Before anything imports jax, which reads them once.
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
# Tests compile what they test, and leave nothing in the folder of the user.
os.environ["JAXLITE_CACHE"] = "0"

# autograd's name for its checks of derivatives is test_util; that is no file of tests.
collect_ignore = ["autograd_suite/shim"]

HAS_JAX = importlib.util.find_spec("jax") is not None
NO_JAX_REASON = "JAX, the oracle, is not installed: pip install -e '.[oracle]'"

# The same examples on every run and every machine, and no folder of remembered ones.
hypothesis.settings.register_profile("jaxlite", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("jaxlite")


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=0, help="seed of the `rng` fixture (default 0)")
    parser.addoption(
        "--part", default="1/1", help="run part K of N of the tests, as 2/3; which is which never changes"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    leave_out(items)
    part, parts = map(int, config.getoption("part").split("/"))
    if parts > 1:
        kept = [item for item in items if zlib.crc32(item.nodeid.encode()) % parts == part % parts]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept
    for item in items:
        if "oracle" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.oracle)
        if not HAS_JAX and item.get_closest_marker("oracle"):
            item.add_marker(pytest.mark.skip(reason=NO_JAX_REASON))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        seed = item.config.getoption("seed")
        report.sections.append(("reproduce", f"python -m pytest -m '' --seed={seed} '{item.nodeid}'"))
    return report


@pytest.fixture(scope="session")
def oracle():
    """JAX, in double precision on the CPU."""
    jax = pytest.importorskip("jax", reason=NO_JAX_REASON)
    assert jax.config.jax_enable_x64
    return jax


@pytest.fixture
def rng(request) -> np.random.Generator:
    """A generator that depends on ``--seed`` and the test's name, not on the order of the tests."""
    return np.random.default_rng([request.config.getoption("seed"), zlib.crc32(request.node.nodeid.encode())])


@pytest.fixture(autouse=True)
def _fixed_global_seeds(request):
    seed = request.config.getoption("seed")
    random.seed(seed)
    np.random.seed(seed)


@pytest.fixture(autouse=True)
def _no_leaked_state():
    """Fail the test that leaves a trace current, ``jit`` disabled or NumPy's error state changed."""
    numpy_errors = np.geterr()
    yield
    trace, jit_was_left_disabled, numpy_errors_after = current_trace(), jit_is_disabled(), np.geterr()
    # Put back before failing, so that one leak fails one test.
    _current.set(EVAL)
    config.update("jax_disable_jit", False)
    np.seterr(**numpy_errors)
    assert trace is EVAL, f"the test left {trace!r} as the current trace"
    assert not jit_was_left_disabled, "the test left jit disabled"
    assert numpy_errors_after == numpy_errors, "the test left NumPy's error state changed"
