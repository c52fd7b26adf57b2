"""The surface of the array API standard: every name, called as the standard calls it.

``tests/array_api/surface.txt`` is the table; the public suite, which checks values, runs by ``python -m
tests.array_api``.
"""

import inspect
from pathlib import Path

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError
from tests.array_api.__main__ import counts_of, reasons

FOLDER = Path(__file__).parent / "array_api"
SURFACE = [line for line in (FOLDER / "surface.txt").read_text().splitlines() if not line.startswith("#")]
FUNCTIONS = [line for line in SURFACE if "(" in line and not line.startswith("array.")]
METHODS = [line for line in SURFACE if "(" in line and line.startswith("array.")]
ATTRIBUTES = [line for line in SURFACE if "(" not in line and line.startswith("array.")]
CONSTANTS = [line for line in SURFACE if "(" not in line and not line.startswith("array.")]

# Nothing writes into an array, so that whether it was copied cannot be seen.
OTHER_DEFAULTS = {("astype", "copy"): False}


def standard(line: str) -> tuple[str, inspect.Signature]:
    """Return the dotted name and the signature that a line of the table writes."""
    name, _, parameters = line.partition("(")
    scope: dict = {}
    exec(f"def f({parameters}: pass", {"float64": None}, scope)
    return name, inspect.signature(scope["f"])


def resolve(name: str):
    value = jnp
    for part in name.split("."):
        value = value() if inspect.isfunction(value) and part[0] != "_" else value
        value = getattr(value, part)
    return value


def assert_takes(name: str, function, theirs: inspect.Signature) -> None:
    """Fail unless ``function`` can be called in every way that the standard allows."""
    ours = inspect.signature(function)
    parameters = list(theirs.parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    by_name = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    only_positional = [p for p in positional if p.kind is p.POSITIONAL_ONLY]
    many = [p for p in parameters if p.kind is p.VAR_POSITIONAL]
    ours.bind(*[0] * (4 if many else len(positional)))
    ours.bind(*[0] * (4 if many else len(only_positional)), **dict.fromkeys(by_name, 0))
    ours.bind(*[0] * len([p for p in positional if p.default is p.empty]))
    for p in parameters:
        if p.name in by_name and p.default is not p.empty and p.name in ours.parameters:
            # None stands for what the standard says, where NumPy and JAX have it so.
            allowed = (None, OTHER_DEFAULTS.get((name, p.name), p.default))
            assert ours.parameters[p.name].default in allowed, p.name


@pytest.mark.parametrize("line", FUNCTIONS)
def test_functions(line):
    name, signature = standard(line)
    assert_takes(name, resolve(name), signature)


@pytest.mark.parametrize("line", METHODS)
def test_methods(line):
    name, signature = standard(line)
    method = getattr(jaxlite.Array, name.removeprefix("array."))
    assert callable(method)
    try:
        inspect.signature(method)
    except ValueError:
        return  # one of ndarray's own, written in C without a signature
    assert_takes(name, method, signature)


def test_methods_and_attributes_of_traced_values():
    # Those that leave the program, which a traced value cannot.
    leaving = {"__dlpack__", "__dlpack_device__"}

    def f(x):
        for line in METHODS + ATTRIBUTES:
            name = line.removeprefix("array.").partition("(")[0]
            assert name in leaving or hasattr(x, name), name
        assert x.__array_namespace__() is jnp
        assert (x.device, x.to_device("cpu")) == ("cpu", x)
        return x

    jaxlite.make_jaxpr(f)(np.ones((2, 2)))


def test_attributes():
    x = jnp.ones((2, 3))
    assert (x.shape, x.ndim, x.size, x.dtype, x.device) == ((2, 3), 2, 6, np.float64, "cpu")
    assert x.T.shape == x.mT.shape == (3, 2)
    assert x.to_device(x.device) is x
    assert {line.removeprefix("array.") for line in ATTRIBUTES} == {
        "T", "device", "dtype", "mT", "ndim", "shape", "size"
    }  # fmt: skip


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_and_dtypes(name):
    value = getattr(jnp, name)
    assert value == getattr(np, name) or np.isnan(value)
    if isinstance(value, type):
        assert jnp.zeros(2, dtype=value).dtype == value
        assert value != None  # noqa: E711


def test_namespace():
    assert jnp.__array_api_version__ == "2024.12"
    for version in (None, "2021.12", "2024.12"):
        assert jnp.ones(2).__array_namespace__(api_version=version) is jnp
    with pytest.raises(ArgumentError, match="version '1999.1' of the array API standard is not there"):
        jnp.ones(2).__array_namespace__(api_version="1999.1")


def test_namespace_info():
    info = jnp.__array_namespace_info__()
    assert info.default_device() in info.devices()
    for kind, dtype in info.default_dtypes().items():
        assert dtype in (info.dtypes(kind=kind) if kind != "indexing" else info.dtypes()).values()
    assert jnp.ones(1).dtype == info.default_dtypes()["real floating"]
    assert jnp.arange(1).dtype == info.default_dtypes()["integral"]
    assert jnp.argmax(jnp.ones(1)).dtype == info.default_dtypes()["indexing"]
    for kind in ("bool", "signed integer", "unsigned integer", "integral", "real floating", "numeric"):
        named = info.dtypes(kind=kind)
        assert {name for name in info.dtypes() if np.isdtype(np.dtype(name), kind)} == set(named)
    assert set(info.dtypes(kind=("bool", "complex floating"))) == {"bool", "complex64", "complex128"}
    with pytest.raises(ArgumentError, match="kind 'text' is not known"):
        info.dtypes(kind="text")
    assert info.capabilities()["boolean indexing"]
    with pytest.raises(ValueError, match="maximum supported dimension"):
        jnp.ones((1,) * (info.capabilities()["max dimensions"] + 1))


def test_from_dlpack():
    x = np.arange(3.0)
    copied, shared = jnp.from_dlpack(x), jnp.from_dlpack(x, copy=False)
    x[0] = 5.0
    assert (copied[0], shared[0]) == (0.0, 5.0)
    assert type(copied) is type(shared) is jaxlite.Array
    assert jnp.from_dlpack(copied) is copied
    np.testing.assert_array_equal(np.from_dlpack(copied), copied)
    np.testing.assert_array_equal(jaxlite.jit(lambda x: jnp.from_dlpack(x) + 1)(x), x + 1)


def test_in_place_operators_rebind():
    def f(x, y):
        first = x
        x += y
        x *= 2
        x -= 1
        x /= y
        x **= 2
        assert first is not x
        return x

    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    expected = ((x + y) * 2 - 1) / y
    for g in (f, jaxlite.jit(f)):
        original = jnp.asarray(x)
        np.testing.assert_allclose(g(original, jnp.asarray(y)), expected**2)
        np.testing.assert_array_equal(original, x)


# --- the runner of the public suite -----------------------------------------------------------------------


def test_every_expected_failure_has_a_reason():
    listed = reasons(FOLDER / "xfails.txt")
    assert listed
    assert all(reason.strip() for reason in listed.values())
    assert all(name.startswith("array_api_tests/") for name in listed)


def test_counts_are_read_from_the_last_line():
    text = "FAILED a\n\n= 3 failed, 1303 passed, 14 skipped, 50 xfailed, 2 xpassed, 9 warnings in 179.2s (0:02:59) =\n"
    counts = {"failed": 3, "passed": 1303, "skipped": 14, "xfailed": 50, "xpassed": 2, "errors": 0}
    assert counts_of(text) == counts
    assert counts_of("1 error in 2.19s")["errors"] == 1
    with pytest.raises(ValueError, match="no line of counts"):
        counts_of("Traceback")


def test_argsort_keeps_the_order_of_equal_elements():
    x = np.tile(np.array([1, 0], np.uint8), 20)
    expected = np.argsort(x, stable=True)
    for f in (
        jnp.argsort,
        jaxlite.jit(jnp.argsort),
        jaxlite.jit(np.argsort),
        lambda x: jnp.asarray(x).argsort(),
    ):
        np.testing.assert_array_equal(f(x), expected)
    np.testing.assert_array_equal(x[np.asarray(jnp.argsort(x, stable=False))], np.sort(x))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_sign_bit_of_nan(dtype):
    x = np.copysign(
        np.array([np.nan, np.nan, 0.0, 0.0, 2.0, np.inf], dtype), np.array([-1, 1, -1, 1, -1, -1], dtype)
    )
    for f in (jnp.signbit, lambda x: jnp.copysign(np.ones(6, dtype), x)):
        np.testing.assert_array_equal(jaxlite.jit(f)(x), f(x))
