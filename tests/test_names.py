"""``python -m jaxlite names``: the data are read, every sample call runs, and the evidence is evidence."""

from __future__ import annotations

import csv
import importlib
import io
import pkgutil
import re
import subprocess
import sys
import types

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import __main__ as command
from jaxlite import lax, names, random
from jaxlite.counters import counters
from tests.names_left_out import LEFT_OUT, MODULES

# Functions of files and of printing, and those that need a file to be called.
WITHOUT_CALLS = {
    *("array_repr", "array_str", "get_printoptions", "printoptions", "set_printoptions"),
    *("fromfile", "load", "save", "savez"),
    *("dtype", "finfo", "iinfo"),
    *("key_dtype", "key_impl"),
    "DotDimensionNumbers",
}


def test_the_names_are_read():
    rows = {name.name: name for name in names.read_names()}
    assert len(rows) > 1500
    assert rows["jax.numpy.where"].libraries == 13
    assert rows["jax.grad"].documents == 22
    assert rows["jax.scipy.stats.norm.logpdf"].module == "jax.scipy.stats.norm"


def test_presence():
    assert names.find("jax.numpy.sin") is jnp.sin
    assert names.is_here("jax.tree_util.tree_map")
    assert not names.is_here("jax.numpy.no_such_function")


def test_every_function_has_a_sample_call():
    calls = names.read_calls()
    for module, prefix in ((jnp, "jax.numpy"), (lax, "jax.lax"), (random, "jax.random")):
        public = [
            name.name.rpartition(".")[2]
            for name in names.read_names()
            if name.module == prefix and names.is_here(name.name)
        ]
        functions = {name for name in public if callable(getattr(module, name)) and not name.endswith("_p")}
        classes = {name for name in functions if isinstance(getattr(module, name), type)}
        missing = {name for name in functions - classes if f"{prefix}.{name}" not in calls}
        assert missing - WITHOUT_CALLS - _types(module) == set()


def _types(module) -> set[str]:
    """Names of scalar types, which are called to convert."""
    return {name for name in dir(module) if isinstance(getattr(module, name), type(jnp.float32))}


def test_native_means_without_a_call_of_numpy():
    evidence = names.examine("jnp.hypot(A, B)")
    assert (str(evidence), evidence.host_calls, evidence.error) == ("native", 0, "")
    assert evidence.equations == 1


def test_calls_of_numpy_are_seen_and_named():
    evidence = names.examine("jax.pure_callback(np.sin, A, jnp.cos(A))")
    assert (str(evidence), evidence.host_calls) == ("NumPy: pure_callback", 1)


def test_machine_code_runs_even_where_jit_is_off():
    before = counters.num_compiles + counters.num_cache_hits
    with jaxlite.disable_jit():
        assert str(names.examine("jnp.exp2(A * 1.25 + 3.5)")) == "native"
    assert counters.num_compiles + counters.num_cache_hits == before + 1


def test_a_call_without_work_is_not_called_native():
    assert str(names.examine("jnp.positive(A)")) == "nothing to compute"
    assert str(names.examine("jnp.no_such(A)")).startswith("error: AttributeError")


def test_table_of_a_module(capsys):
    assert command.main(["names", "jax.flatten_util", "jax.ops"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^ +ravel_pytree +\d+ +\d+ +yes +native$", text, re.MULTILINE)
    assert re.search(r"^jax\.flatten_util +1 +1 +1 +0 +0 +0$", text, re.MULTILINE)


def test_missing_names(capsys):
    assert command.main(["names", "--missing", "--csv", "--used", "jax.ops", "jax.flatten_util"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert all(row["here"] == "no" for row in rows)
    assert "jax.flatten_util.ravel_pytree" not in {row["name"] for row in rows}


@pytest.mark.parametrize("part", range(6))
def test_sample_calls_run(part):
    """Every call runs without ``jit``; the table compiles them, which takes longer."""
    for name, call in sorted(names.read_calls().items())[part::6]:
        if names.is_here(name):
            program, arrays = names.sample_program(call)
            results = program(*arrays)
            assert all(np.asarray(result).dtype != object for result in results), call


@pytest.mark.slow
def test_what_the_whole_table_says():
    rows = names.table(["jax.numpy", "jax.lax", "jax.nn"])
    errors = [(name.name, status) for name, _, status in rows if status.startswith("error")]
    assert errors == []
    left = {name.name for name, _, status in rows if status.startswith(("NumPy", "interpreted"))}
    assert left <= {"jax.numpy.roots"}


def test_what_is_a_module_in_jax_is_imported_as_one(oracle):
    """In a process that has imported nothing yet, so that no earlier import helps."""
    found = [
        module.name for module in pkgutil.walk_packages(oracle.__path__, "jax.", onerror=lambda name: None)
    ]
    public = [
        name for name in found if not re.search(r"\._|\.(experimental|extend|tools|lib|interpreters)\.", name)
    ]
    here = [f"jaxlite{name[3:]}" for name in public if names.is_here(name)]
    assert {"jaxlite.lax.linalg", "jaxlite.scipy.stats.norm", "jaxlite.scipy.stats.dirichlet"} <= {*here}
    code = """
import importlib, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    parent, _, last = name.rpartition(".")
    assert getattr(importlib.import_module(parent), last) is module, name
from jaxlite.scipy.stats.norm import logpdf
import jaxlite.scipy.stats.beta as beta, jaxlite.lax.linalg
from jaxlite.lax import linalg
assert linalg is jaxlite.lax.linalg and logpdf is jaxlite.scipy.stats.norm.logpdf and beta.cdf
"""
    done = subprocess.run([sys.executable, "-c", code, *here], capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)


def test_every_name_of_these_modules_is_here_or_left_out_for_a_reason(oracle):
    missing = set()
    for path in MODULES:
        module = importlib.import_module(path)
        public = {name for name in dir(module) if not name.startswith("_")}
        public -= {name for name in public if isinstance(getattr(module, name), types.ModuleType)}
        missing |= {f"{path}.{name}" for name in public if not names.is_here(f"{path}.{name}")}
    assert missing - LEFT_OUT.keys() == set(), "neither here nor in tests/names_left_out.py"
    assert LEFT_OUT.keys() - missing == set(), "left out, but here or not in JAX"
    assert all(LEFT_OUT.values())
