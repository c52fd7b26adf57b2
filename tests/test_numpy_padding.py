"""``jnp.pad`` against NumPy, mode by mode under jit, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.counters import counters
from jaxlite.test_util import check_grads

A = np.random.default_rng(5).normal(size=(2, 3))
I = np.random.default_rng(6).integers(-9, 9, (3, 2))  # noqa: E741
MODES = {
    "constant": {},
    "constants": {"mode": "constant", "constant_values": ((1, 2), (3, 4))},
    "edge": {},
    "linear_ramp": {"end_values": (3, -2)},
    "maximum": {"stat_length": 2},
    "mean": {},
    "mean of some": {"mode": "mean", "stat_length": (1, 2)},
    "median": {},
    "minimum": {},
    "reflect": {},
    "reflect odd": {"mode": "reflect", "reflect_type": "odd"},
    "symmetric": {},
    "symmetric odd": {"mode": "symmetric", "reflect_type": "odd"},
    "wrap": {},
}


@pytest.mark.parametrize("name", MODES)
def test_modes(name):
    options = {"mode": name, **MODES[name]}
    host_calls = counters.num_host_calls
    for x in (A, I, A[:1].astype(np.float32)):
        for widths in ((2, 0), ((0, 7), (5, 1))):
            expected = np.pad(x, widths, **options)
            got = jaxlite.jit(lambda x: jnp.pad(x, widths, **options))(x)  # noqa: B023
            assert got.dtype == expected.dtype
            tolerance = 1e-5 if x.dtype == np.float32 else 1e-13
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)
    assert counters.num_host_calls == host_calls
    check_grads(lambda x: jnp.pad(x, ((1, 2), (0, 3)), **options), (A,), order=1)


def test_a_function_returns_what_it_filled():
    def ends(vector, width, axis, options):
        return (
            vector.at[: width[0]]
            .set(options["first"] * axis)
            .at[len(vector) - width[1] :]
            .set(vector[width[0]])
        )

    def in_place(vector, width, axis, options):
        vector[: width[0]] = options["first"] * axis
        vector[len(vector) - width[1] :] = vector[width[0]]

    expected = np.pad(A, ((1, 2), (3, 1)), in_place, first=7.0)
    for wrap in (lambda f: f, jaxlite.jit):
        np.testing.assert_array_equal(
            wrap(lambda x: jnp.pad(x, ((1, 2), (3, 1)), ends, first=7.0))(A), expected
        )
    with pytest.raises(ValueError, match=r"(?s)the function returned None.*return the padded vector"):
        jnp.pad(A, 1, lambda vector, width, axis, options: None)


def test_traced_values_at_the_ends():
    got = jaxlite.jit(lambda x, v: jnp.pad(x, 1, constant_values=(v, 2.0)))(A[0], 5.0)
    np.testing.assert_array_equal(got, [5.0, *A[0], 2.0])
    gradient = jaxlite.grad(lambda v: jnp.pad(A[0], 2, mode="linear_ramp", end_values=v).sum())(1.0)
    np.testing.assert_allclose(gradient, 2 * (1 + 0.5))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x: jnp.pad(x, ((1, 2, 3),)), "pass a number, a pair"),
        (lambda x: jnp.pad(x, 1, mode="mean", stat_length=0), "at least one element must count"),
        (lambda x: jnp.pad(x, 1, mode="edge", constant_values=1), "'edge' takes no constant_values"),
        (lambda x: jnp.pad(x, 1, mode="reflect", reflect_type="no"), "pass 'even' or 'odd'"),
        (lambda x: jnp.pad(x[:0], 1, mode="edge"), "axis 0 of .* is empty"),
        (lambda x: jnp.pad(x, 1.5), "no whole numbers"),
    ],
)
def test_errors(call, match):
    with pytest.raises((ValueError, TypeError), match=f"(?s){match}"):
        jaxlite.jit(call)(A)
