"""NumPy's own functions called on traced values: each call of the table under jit and vjp, and all that are refused."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.numpy.registry import FUNCTIONS, UFUNCS
from tests import numpy_calls
from tests.numpy_calls import ARRAYS, KNOWN, REFUSED, REFUSED_BY_NUMPY, rows

CALLS = [*rows(numpy_calls.UFUNCS), *rows(numpy_calls.FUNCTIONS)]
# What NumPy cannot tell by differences of values: it jumps there, or the plain call has another meaning.
STEPS = re.compile(
    r"np\.(floor|ceil|trunc|rint|fix|round|around|sign|nextafter|spacing|floor_divide|divmod|frexp)\("
)


def flat(tree) -> list:
    if isinstance(tree, list | tuple):
        return [leaf for item in tree for leaf in flat(item)]
    return [tree]


def function_of(call: str):
    """Return the call as a function of the arrays that it names, and these."""
    code = compile(call, call, "eval")
    names = [name for name in ARRAYS if name in code.co_names or name in _inner_names(code)]

    def f(*arrays):
        return [
            x for x in flat(eval(code, {"np": np, "math": math, **dict(zip(names, arrays))})) if x is not None
        ]

    return f, [ARRAYS[name] for name in names]


def _inner_names(code) -> set[str]:
    return {name for const in code.co_consts if hasattr(const, "co_names") for name in const.co_names}


def is_inexact(x) -> bool:
    return np.result_type(x).kind in "fc"


def agree(got, expected) -> None:
    assert len(got) == len(expected)
    for x, y in zip(got, map(np.asarray, expected)):
        assert (np.shape(x), np.asarray(x).dtype) == (y.shape, y.dtype)
        tolerance = 1e-5 if y.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(np.asarray(x), y, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("call", CALLS)
def test_under_jit(call):
    f, arrays = function_of(call)
    agree(jaxlite.jit(f)(*arrays), f(*arrays))


@pytest.mark.parametrize("call", [*CALLS, *rows(KNOWN)])
def test_under_vjp(call):
    f, arrays = function_of(call)
    active = [i for i, x in enumerate(arrays) if x.dtype.kind in "fc"]

    def g(*xs):
        full = list(arrays)
        for i, x in zip(active, xs):
            full[i] = x
        return f(*full)

    xs = [arrays[i] for i in active]
    results, g_vjp = jaxlite.vjp(g, *xs)
    expected = f(*arrays)
    agree(results, expected)
    if not xs or not any(map(is_inexact, expected)) or STEPS.search(call):
        return
    # The derivative along one direction, both ways.
    weights = [_wave(y) if is_inexact(y) else np.zeros(np.shape(y), jaxlite.float0) for y in expected]
    steps = [_wave(x) for x in xs]
    cotangents = g_vjp(
        [w.astype(np.asarray(y).dtype) if is_inexact(y) else w for w, y in zip(weights, expected)]
    )
    got = sum(np.real(np.sum(np.asarray(ct) * step)) for ct, step in zip(cotangents, steps))
    h = 1e-5
    ahead, behind = (g(*[x + s * h * step for x, step in zip(xs, steps)]) for s in (1, -1))
    difference = sum(
        np.nansum(np.real(np.asarray(w) * (np.asarray(a, np.result_type(a, float)) - b) / (2 * h)))
        for w, a, b, y in zip(weights, ahead, behind, expected)
        if is_inexact(y)
    )
    single = any(np.result_type(y) == np.float32 for y in expected)
    assert got == pytest.approx(difference, rel=3e-2 if single else 1e-6, abs=3e-2 if single else 1e-6)


def _wave(x):
    phase = np.cos(1.0 + np.arange(np.size(x))).reshape(np.shape(x))
    return phase.astype(complex) if np.result_type(x).kind == "c" else phase


def test_the_table_is_long_and_complete():
    names = {
        name for call in [*CALLS, *rows(KNOWN)] for name in re.findall(r"np\.(?:linalg\.)?[a-z]\w*", call)
    }
    assert len(names) > 280
    answered = {**FUNCTIONS, **UFUNCS}
    public = {name: getattr(np, name) for name in np.__all__}
    missing = {f"np.{name}" for name, function in public.items() if _is_in(function, answered)} - names
    # Functions without arrays among their arguments are never handed a traced value.
    assert missing == {"np.bartlett", "np.blackman", "np.hamming", "np.hanning", "np.kaiser"}


def _is_in(function, table) -> bool:
    return callable(function) and not isinstance(function, type) and function in table


def test_every_function_of_numpy_answers_or_is_refused():
    """What NumPy dispatches and no row names raises, with a way out; so that nothing is computed without a word."""
    refused = {name for call in REFUSED for name in re.findall(r"np\.([a-z]\w*)", call)}
    dispatched = {name for name in np.__all__ if hasattr(getattr(np, name), "_implementation")}
    answered = {name for name in dispatched if getattr(np, name) in FUNCTIONS}
    dates = {"busday_count", "busday_offset", "is_busday", "datetime_as_string"}
    assert dispatched - answered - refused - dates == set()


@pytest.mark.parametrize("call", REFUSED)
def test_refused_calls_name_the_replacement(call):
    f, arrays = function_of(call)
    with pytest.raises((TypeError, ValueError), match=f"(?s){REFUSED[call]}") as error:
        jaxlite.jit(f)(*arrays)
    assert "fix" in str(error.value) or "fix" in str(error.value.__cause__)


@pytest.mark.parametrize("call", REFUSED_BY_NUMPY)
def test_lengths_must_be_known(call):
    f, arrays = function_of(call)
    with pytest.raises(TypeError, match="integer"):
        jaxlite.jit(f)(*arrays)


def test_results_are_ours():
    x = jnp.asarray(ARRAYS["L"])
    for call in (np.pad, np.histogram, np.unique, np.poly):
        args = (1,) if call is np.pad else ()
        assert all(type(y) is jaxlite.Array for y in flat(call(x, *args)))
