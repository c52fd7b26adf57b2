"""The transformations' signatures and semantics, as somebody who knows JAX expects them.

Values are compared with closed forms; structures, dtypes and counts exactly:

    value_and_grad(f, argnums=(0,), has_aux=True)(x)  ->  ((value, aux), (gradient,))
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.array import Array
from jaxlite.counters import counters
from jaxlite.dtypes import float0
from jaxlite.errors import StaticArgumentError, TracerBoolConversionError
from jaxlite.ir import ShapedArray
from jaxlite.test_util import assert_max_traces
from tests.tolerances import assert_close

X = np.array([0.5, 1.0, 2.0])
MATRIX = np.arange(6.0).reshape(2, 3)


class Pair(NamedTuple):
    a: object
    b: object


def product(x, y):
    return x * y


def is_array(value) -> bool:
    """Whether a result is an `Array`, no traced value and no bare NumPy scalar."""
    return type(value) is Array


# --- argnums, aux, structures -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        (0, 3.0),
        (1, 2.0),
        (-1, 2.0),
        (-2, 3.0),
        (np.int64(1), 2.0),
        ((0,), (3.0,)),
        ((1, 0), (2.0, 3.0)),
        ([0, 1], (3.0, 2.0)),
        ((0, -1), (3.0, 2.0)),
        ((), ()),
    ],
)
def test_argnums(argnums, expected):
    for derivative in (jaxlite.grad, jaxlite.jacrev, jaxlite.jacfwd):
        result = derivative(product, argnums)(2.0, 3.0)
        assert result == expected
        assert type(result) is (tuple if type(expected) is tuple else Array)
    value, gradient = jaxlite.value_and_grad(product, argnums)(2.0, 3.0)
    assert (value, gradient) == (6.0, expected)


def test_hessian_argnums_nests_in_in():
    hessian = jaxlite.hessian(lambda x, y: x * x * y, argnums=(0, 1))(2.0, 3.0)
    assert hessian == ((6.0, 4.0), (4.0, 0.0))


def test_keyword_arguments_are_not_differentiated():
    def f(x, mode="sin", *, scale):
        return scale * (np.sin(x) if mode == "sin" else x)

    assert jaxlite.grad(f)(0.0, scale=2.0) == 2.0
    assert jaxlite.grad(f)(0.0, "linear", scale=3.0) == 3.0
    assert jaxlite.jacfwd(f)(0.0, mode="linear", scale=3.0) == 3.0
    assert jaxlite.value_and_grad(f)(0.0, mode="linear", scale=3.0) == (0.0, 3.0)


def test_arguments_that_are_not_differentiated_may_be_anything():
    assert jaxlite.grad(lambda x, options: x * len(options["names"]))(1.0, {"names": ["a", "b"]}) == 2.0


@pytest.mark.parametrize("derivative", [jaxlite.grad, jaxlite.jacrev, jaxlite.jacfwd, jaxlite.hessian])
def test_aux_comes_back_concrete(derivative):
    def f(x):
        return x**3, {"square": x * x, "text": "kept", "none": None, "number": 3, "pair": Pair(x + 1.0, [])}

    result, aux = derivative(f, has_aux=True)(2.0)
    assert result == (12.0 if derivative is jaxlite.hessian else 12.0)
    assert is_array(aux["square"]) and aux["square"] == 4.0
    assert is_array(aux["pair"].a) and aux["pair"].a == 3.0
    assert (aux["text"], aux["none"], aux["number"], aux["pair"].b) == ("kept", None, 3, [])


def test_aux_of_the_other_transformations():
    def f(x):
        return x * x, {"x": x + 1.0}

    assert jaxlite.value_and_grad(f, has_aux=True)(2.0) == ((4.0, {"x": 3.0}), 4.0)
    assert jaxlite.jvp(f, (2.0,), (1.0,), has_aux=True) == (4.0, 4.0, {"x": 3.0})
    out, f_vjp, aux = jaxlite.vjp(f, 2.0, has_aux=True)
    assert (out, f_vjp(1.0), aux) == (4.0, (4.0,), {"x": 3.0})
    out, f_jvp, aux = jaxlite.linearize(f, 2.0, has_aux=True)
    assert (out, f_jvp(1.0), aux) == (4.0, 4.0, {"x": 3.0})
    for value in (aux["x"], out):
        assert is_array(value)


def test_aux_under_outer_transformations_is_theirs():
    def outer(x):
        gradient, aux = jaxlite.grad(lambda y: (y * y, y**3), has_aux=True)(x)
        return gradient * aux

    # 2x·x³ = 2x⁴, whose derivative is 8x³.
    assert jaxlite.grad(outer)(2.0) == 64.0
    assert jaxlite.grad(jaxlite.jit(outer))(2.0) == 64.0
    assert_close(jaxlite.vmap(outer)(X), 2.0 * X**4)
    assert jaxlite.jit(jaxlite.grad(lambda x: (x, x), has_aux=True))(1.0) == (1.0, 1.0)


def test_none_leaves_come_back_as_none():
    tree = {"x": 2.0, "none": None, "pair": Pair(3.0, None)}

    def f(tree):
        return tree["x"] * tree["pair"].a

    expected = {"x": 3.0, "none": None, "pair": Pair(2.0, None)}
    assert jaxlite.grad(f)(tree) == expected
    assert jaxlite.jit(jaxlite.grad(f))(tree) == expected
    assert jaxlite.jacfwd(f)(tree) == jaxlite.jacrev(f)(tree) == expected
    assert jaxlite.vjp(f, tree)[1](1.0) == (expected,)
    assert jaxlite.grad(lambda x, none: x, argnums=(0, 1))(1.0, None) == (1.0, None)
    assert jaxlite.jvp(f, (tree,), (tree,)) == (6.0, 12.0)
    assert jaxlite.jit(lambda: None)() is None


def test_jacobians_nest_out_in():
    def f(p):
        return {"prod": p["a"] * p["b"], "pair": (p["a"], None)}

    for jacobian in (jaxlite.jacfwd, jaxlite.jacrev, jaxlite.jacobian):
        result = jacobian(f)({"a": 2.0, "b": X})
        assert_close(result["prod"]["a"], X)
        assert_close(result["prod"]["b"], 2.0 * np.eye(3))
        assert result["pair"][0]["a"] == 1.0 and result["pair"][1] is None
        assert_close(result["pair"][0]["b"], np.zeros(3))


def test_shapes_of_jacobians_are_output_then_input():
    def f(x):
        return jnp.stack([jnp.sum(x**2), jnp.sum(x), 3.0, x[0, 0]])

    assert jaxlite.jacfwd(f)(MATRIX).shape == jaxlite.jacrev(f)(MATRIX).shape == (4, 2, 3)
    assert jaxlite.hessian(f)(MATRIX).shape == (4, 2, 3, 2, 3)
    assert_close(jaxlite.jacfwd(f)(MATRIX), jaxlite.jacrev(f)(MATRIX))


def test_hessian_nests_in_in():
    hessian = jaxlite.hessian(lambda p: p["a"] ** 2 * jnp.sum(p["b"]))({"a": 2.0, "b": X})
    assert hessian["a"]["a"] == 2.0 * X.sum()
    assert_close(hessian["a"]["b"], 4.0 * np.ones(3))
    assert_close(hessian["b"]["a"], 4.0 * np.ones(3))
    assert_close(hessian["b"]["b"], np.zeros((3, 3)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_derivatives_keep_the_dtype(dtype):
    x = X.astype(dtype)
    for result in (
        jaxlite.grad(lambda x: jnp.sum(x * x))(x),
        jaxlite.jacfwd(lambda x: x * x)(x),
        jaxlite.jacrev(lambda x: x * x)(x),
        jaxlite.hessian(lambda x: jnp.sum(x**3))(x),
        jaxlite.jvp(np.sin, (x,), (x,))[1],
        jaxlite.vjp(np.sin, x)[1](x)[0],
        jaxlite.linearize(np.sin, x)[1](x),
    ):
        assert result.dtype == dtype
        assert is_array(result)


def test_gradients_are_arrays_even_where_the_cotangent_is_handed_through():
    for result in (
        jaxlite.grad(lambda x: x)(1.0),
        jaxlite.grad(lambda x: 3.0)(1.0),
        jaxlite.vjp(lambda x: x, X)[1](X)[0],
        jaxlite.linearize(lambda x: x, X)[1](X),
        jaxlite.jvp(lambda x: x, (X,), (X,))[1],
        jaxlite.value_and_grad(lambda x: 3.0)(1.0)[0],
    ):
        assert is_array(result)


# --- integers and complex numbers ---------------------------------------------------------------------


def test_allow_int_gives_float0():
    gradient = jaxlite.grad(lambda p: p["x"] * p["n"], allow_int=True)({"x": 2.0, "n": 3})
    assert gradient["x"] == 3.0
    assert gradient["n"].dtype == float0 and gradient["n"].shape == ()
    gradient = jaxlite.grad(lambda n: 2.0 * jnp.sum(n), allow_int=True)(np.arange(3))
    assert gradient.dtype == float0 and gradient.shape == (3,)
    assert jaxlite.jacrev(lambda n: 2.0 * n, allow_int=True)(np.arange(3)).dtype == float0


def test_integers_have_float0_tangents():
    zero = np.zeros((), float0)
    assert jaxlite.jvp(lambda n, x: n * x, (3, 2.0), (zero, 1.0)) == (6.0, 3.0)
    out, tangent = jaxlite.jvp(lambda x: x > 0.0, (1.0,), (1.0,))
    assert out and tangent.dtype == float0
    _, f_vjp = jaxlite.vjp(lambda n, x: (n * x, n + 1), 3, 2.0)
    n_bar, x_bar = f_vjp((1.0, zero))
    assert n_bar.dtype == float0 and x_bar == 3.0


def test_gradient_of_a_real_function_of_a_complex_number():
    """∂f/∂x - i ∂f/∂y, so that descent steps along the conjugate."""
    assert jaxlite.grad(lambda z: jnp.real(z * z))(1 + 2j) == 2 + 4j
    assert jaxlite.grad(lambda z: jnp.abs(z) ** 2)(1 + 2j) == 2 - 4j
    assert jaxlite.grad(lambda z: z.imag)(1 + 2j) == -1j


def test_holomorphic():
    z = np.array([1 + 2j, -0.5j])
    assert jaxlite.grad(lambda z: z**3, holomorphic=True)(1 + 2j) == 3 * (1 + 2j) ** 2
    for jacobian in (jaxlite.jacfwd, jaxlite.jacrev):
        assert_close(jacobian(lambda z: z**3, holomorphic=True)(z), np.diag(3 * z**2))
    assert_close(jaxlite.hessian(lambda z: jnp.sum(z**3), holomorphic=True)(z), np.diag(6 * z))


# --- jvp, vjp, linearize, linear_transpose ------------------------------------------------------------


def test_vjp_of_several_results_and_arguments():
    out, f_vjp = jaxlite.vjp(lambda x, p: (x * p["w"], {"sum": jnp.sum(x)}), X, {"w": 2.0})
    assert_close(out[0], 2.0 * X)
    x_bar, p_bar = f_vjp((np.ones(3), {"sum": 10.0}))
    assert_close(x_bar, np.full(3, 12.0))
    assert p_bar["w"] == X.sum()


def test_pullback_is_a_pytree():
    _, f_vjp = jaxlite.vjp(np.sin, 0.5)
    (residual,) = jaxlite.tree.leaves(f_vjp)
    assert residual == np.cos(0.5)
    assert jaxlite.jit(lambda v, ct: v(ct))(f_vjp, 1.0) == (np.cos(0.5),)
    doubled = jaxlite.tree.map(lambda r: 2.0 * r, f_vjp)
    assert doubled(1.0) == (2.0 * np.cos(0.5),)


def test_pullback_leaves_jit_and_maps():
    _, f_vjp = jaxlite.jit(lambda x: jaxlite.vjp(jnp.sin, x))(0.5)
    assert f_vjp(2.0) == (2.0 * np.cos(0.5),)
    (rows,) = jaxlite.vmap(jaxlite.vjp(np.sin, X)[1])(np.eye(3))
    assert_close(rows, np.diag(np.cos(X)))
    _, mapped = jaxlite.vmap(lambda x: jaxlite.vjp(jnp.sin, x))(X)
    (pulled,) = jaxlite.vmap(lambda v, ct: v(ct))(mapped, np.ones(3))
    assert_close(pulled, np.cos(X))


def test_pullback_and_linear_map_do_not_see_later_writes():
    """SciPy's optimizers write into the array that they hand to the function."""
    for f in (
        lambda x: x * x,
        lambda x: jnp.reshape(x, (3, 1)) * jnp.reshape(x, (3, 1)),
        lambda x: x[::-1] * x,
    ):
        x = X.copy()
        _, f_vjp = jaxlite.vjp(lambda x, f=f: jnp.sum(f(x)), x)
        _, f_jvp = jaxlite.linearize(lambda x, f=f: jnp.sum(f(x)), x)
        before = np.array(f_vjp(1.0)[0]), np.array(f_jvp(np.ones(3)))
        x[:] = 100.0
        assert_close(f_vjp(1.0)[0], before[0])
        assert_close(f_jvp(np.ones(3)), before[1])


def test_results_do_not_share_memory_with_arguments():
    x = X.copy()
    results = [
        jaxlite.vjp(lambda x: x, x)[0],
        jaxlite.jvp(lambda x: x, (x,), (x,))[1],
        jaxlite.vjp(lambda x: x, X)[1](x)[0],
        jaxlite.vmap(lambda x: x)(x),
        jaxlite.linearize(lambda x: x, X)[1](x),
    ]
    x[:] = 100.0
    for result in results:
        np.testing.assert_array_equal(result, X)


def test_linearize_runs_the_function_once():
    calls = []

    def f(x):
        calls.append(1)
        return jnp.sin(x) * x

    out, f_jvp = jaxlite.linearize(f, 0.5)
    for t in (1.0, 2.0):
        np.testing.assert_allclose(f_jvp(t), t * (np.cos(0.5) * 0.5 + np.sin(0.5)), rtol=1e-15)
    assert len(calls) == 1
    assert f_jvp.func.jaxpr.in_avals == (ShapedArray((), np.dtype(np.float64)),)
    assert_close(jaxlite.vmap(f_jvp)(X), jaxlite.jit(f_jvp)(1.0) * X)


def test_linearize_of_a_constant():
    assert jaxlite.linearize(lambda x: 3.0, 1.0)[1](1.0) == 0.0


def test_linear_transpose():
    transposed = jaxlite.linear_transpose(lambda x, y: (x + y, 2.0 * x), 1.0, 1.0)
    assert transposed((1.0, 2.0)) == (5.0, 1.0)
    strided = jaxlite.linear_transpose(lambda x: x[::2], jaxlite.ShapeDtypeStruct((4,), np.float32))
    (result,) = strided(np.ones(2, np.float32))
    assert result.dtype == np.float32 and result.tolist() == [1.0, 0.0, 1.0, 0.0]
    through_jit = jaxlite.linear_transpose(jaxlite.jit(lambda x: MATRIX @ x), X)
    assert_close(through_jit(np.ones(2))[0], MATRIX.sum(axis=0))
    assert_close(jaxlite.jit(lambda ct: through_jit(ct)[0])(np.ones(2)), MATRIX.sum(axis=0))


@pytest.mark.parametrize("jitted", [True, False])
def test_fwd_and_bwd(jitted):
    fwd, bwd = jaxlite.fwd_and_bwd(lambda x, y: x * y, argnums=(0, 1), jitted=jitted)
    out, residuals = fwd(2.0, 3.0)
    assert out == 6.0
    assert bwd(residuals, 2.0) == (6.0, 4.0)
    fwd, bwd = jaxlite.fwd_and_bwd(lambda x: (x * x, x + 1.0), argnums=0, has_aux=True, jitted=jitted)
    out, residuals, aux = fwd(3.0)
    assert (out, aux, bwd(residuals, 1.0)) == (9.0, 4.0, 6.0)


# --- vmap ---------------------------------------------------------------------------------------------


def test_vmap_in_axes_is_a_prefix():
    def f(d, y):
        return d["a"] * d["b"] + y

    expected = X * 2.0 + 1.0
    assert_close(jaxlite.vmap(f, in_axes=({"a": 0, "b": None}, None))({"a": X, "b": 2.0}, 1.0), expected)
    assert_close(jaxlite.vmap(f, in_axes=[0, None])({"a": X, "b": np.full(3, 2.0)}, 1.0), expected)
    assert_close(jaxlite.vmap(lambda d, y: f(d, y), (None, 0))({"a": 1.0, "b": 2.0}, X), X + 2.0)


@pytest.mark.parametrize("in_axes", [0, 1, -1, -2])
@pytest.mark.parametrize("out_axes", [0, 1, -1, -2])
def test_vmap_axes(in_axes, out_axes):
    result = jaxlite.vmap(lambda x: x * 2.0, in_axes, out_axes)(MATRIX)
    assert_close(result, np.moveaxis(2.0 * MATRIX, in_axes, out_axes))


def test_vmap_out_axes_is_a_prefix():
    result = jaxlite.vmap(lambda x: {"a": x, "b": (x, 1.0, None)}, out_axes={"a": 1, "b": (0, None, 0)})(
        MATRIX
    )
    assert_close(result["a"], MATRIX.T)
    assert_close(result["b"][0], MATRIX)
    assert result["b"][1:] == (1.0, None)


def test_vmap_maps_keyword_arguments():
    assert_close(jaxlite.vmap(product)(X, y=X), X * X)
    assert_close(jaxlite.vmap(product, in_axes=None)(2.0, y=X), 2.0 * X)
    assert_close(jaxlite.vmap(lambda *, y: 2.0 * y)(y=X), 2.0 * X)


def test_vmap_axis_size():
    assert_close(jaxlite.vmap(lambda: 1.0, axis_size=3)(), np.ones(3))
    assert_close(jaxlite.vmap(lambda x: x, in_axes=None, axis_size=2)(X), np.stack([X, X]))
    assert_close(jaxlite.vmap(lambda x: 3.0)(X), np.full(3, 3.0))
    assert jaxlite.vmap(jnp.sum)(np.ones((0, 3))).shape == (0,)


def test_vmap_of_vmap_and_axis_names():
    outer = jaxlite.vmap(jaxlite.vmap(product, (None, 0)), (0, None))(X, X)
    assert_close(outer, np.outer(X, X))
    normalized = jaxlite.vmap(lambda x: x / lax.psum(x, "i"), axis_name="i")(X)
    assert_close(normalized, X / X.sum())


# --- jit ----------------------------------------------------------------------------------------------


def test_jit_records_once_per_type():
    f = jaxlite.jit(lambda x, y=2: x * y)
    with assert_max_traces(1):
        assert [float(f(x)) for x in (1.0, 2.0, -3.0)] == [2.0, 4.0, -6.0]
    with assert_max_traces(1):  # strong instead of weak
        f(np.float64(1.0))
        f(np.array(2.0))
        f(jnp.asarray(3.0))
    with assert_max_traces(1):  # another dtype
        assert f(np.float32(1.0)).dtype == np.float32
    with assert_max_traces(1):  # another shape, whatever the byte order and layout
        f(X)
        f(X.astype(">f8"))
        f(np.ones(6)[::2])
        f(X.tolist()[0] * X)
    with assert_max_traces(2):  # one for y by keyword, one for x too: the order does not matter
        f(X, y=3)
        f(X, y=4)
        f(x=X, y=3)
        f(y=3, x=X)


def test_jit_records_again_where_it_must():
    f = jaxlite.jit(lambda x: x)
    before = counters.num_traces
    arguments = [
        1.0,
        1,
        True,
        1j,
        np.float32(1),
        np.float64(1),
        X,
        X[:2],
        (X,),
        [X],
        {"a": X},
        {"b": X},
        None,
        (X, None),
    ]
    for argument in arguments:
        f(argument)
    assert counters.num_traces - before == len(arguments)
    f.clear_cache()
    f(1.0)
    assert counters.num_traces - before == len(arguments) + 1


def test_transformations_of_a_jitted_function_do_not_record_again():
    f = jaxlite.jit(lambda x: jnp.sum(jnp.sin(x) * x))
    jaxlite.grad(f)(X)
    with assert_max_traces(0):
        for _ in range(3):
            jaxlite.grad(f)(X)
            jaxlite.hessian(f)(X)
            jaxlite.vmap(f)(MATRIX)
            jaxlite.jvp(f, (X,), (X,))


def test_python_scalars_are_weak_inside_and_strong_outside():
    f = jaxlite.jit(lambda x, y: x * y)
    assert f(np.float32(2.0), 3.0).dtype == np.float32
    assert f(np.int8(2), 3).dtype == np.int8
    assert f(np.float32(2.0), 3).dtype == np.float32
    assert f(np.float16(2.0), 3.0).dtype == np.float16
    out = jaxlite.jit(lambda x: x * 2)(3.0)
    assert out.dtype == np.float64 and out.aval.weak_type is False
    assert f.trace(1.0, np.float32(1.0)).jaxpr.in_avals[0].weak_type
    # A strong result, not a weak one, goes into the next operation.
    assert (np.float32(1.0) * out).dtype == np.float64


@pytest.mark.parametrize(
    "make",
    [
        lambda f: jaxlite.jit(f, static_argnums=1),
        lambda f: jaxlite.jit(f, static_argnums=(-1,)),
        lambda f: jaxlite.jit(f, static_argnums=np.int64(1)),
        lambda f: jaxlite.jit(f, static_argnames="names"),
        lambda f: jaxlite.jit(f, static_argnames=("names",)),
        lambda f: jaxlite.jit(static_argnames=["names"])(f),
        lambda f: functools.partial(jaxlite.jit, static_argnums=(1,))(f),
    ],
)
def test_static_arguments_by_position_and_by_name(make):
    f = make(lambda x, names=("a",): x * len(names))
    assert f(2.0, ("a", "b")) == 4.0
    with assert_max_traces(1):
        assert f(3.0, names=("a", "b")) == 6.0
        assert f(3.0, names=("a", "b")) == 6.0
    assert f(2.0) == 2.0
    with assert_max_traces(0):
        f(5.0, ("a", "b"))
        f(5.0)
    with assert_max_traces(1):
        assert f(2.0, ("a", "b", "c")) == 6.0


def test_static_values_of_different_types_are_different():
    f = jaxlite.jit(lambda x, n: x * (2.0 if n is True else 3.0 if type(n) is int else 5.0), static_argnums=1)
    assert [float(f(1.0, n)) for n in (1, True, 1.0)] == [3.0, 2.0, 5.0]


def test_static_arguments_among_many():
    def f(a, mode, b, *rest, scale, **options):
        assert isinstance(mode, str) and isinstance(scale, int) and options["kind"] == "k"
        return a + b * scale + sum(rest)

    g = jaxlite.jit(f, static_argnums=1, static_argnames=("scale", "kind"))
    assert g(1.0, "m", 2.0, 3.0, 4.0, scale=10, kind="k") == 28.0
    assert jaxlite.jit(lambda x, *rest: x * len(rest[0]), static_argnums=1)(2.0, "abc") == 6.0


def test_static_arguments_inside_transformations():
    f = jaxlite.jit(lambda x, n: x**n, static_argnums=1)
    assert jaxlite.grad(f)(2.0, 3) == 12.0
    assert_close(jaxlite.vmap(lambda x: f(x, 2))(X), X**2)


def test_static_argument_with_an_unequal_hash_is_refused_by_name():
    class Config(dict):
        pass

    with pytest.raises(StaticArgumentError, match="static argument 'config' of f|static argument 1 of f"):

        @jaxlite.jit
        def g(x):
            return f(x, config=Config(a=1))

        def f(x, config):
            return x

        f = jaxlite.jit(f, static_argnames="config")
        g(1.0)


class Model:
    def __init__(self, scale):
        self.scale = scale
        self.runs = 0

    def plain(self, x):
        self.runs += 1
        return x * self.scale

    @functools.partial(jaxlite.jit, static_argnums=0)
    def method(self, x):
        self.runs += 1
        return x * self.scale

    @staticmethod
    @jaxlite.jit
    def static(x):
        return 2.0 * x

    @classmethod
    def of_class(cls, x):
        return 3.0 * x

    def __call__(self, x):
        return x * self.scale


def test_jit_of_methods():
    one, two = Model(3.0), Model(4.0)
    bound = jaxlite.jit(one.plain)
    assert [float(bound(x)) for x in (1.0, 2.0)] == [3.0, 6.0] and one.runs == 1
    assert [float(one.method(x)) for x in (1.0, 2.0)] == [3.0, 6.0] and one.runs == 2
    assert float(two.method(1.0)) == 4.0 and two.runs == 1
    assert float(Model.method(two, 2.0)) == 8.0 and two.runs == 1
    assert float(one.static(2.0)) == float(Model.static(2.0)) == 4.0
    assert float(jaxlite.jit(Model.of_class)(2.0)) == 6.0
    assert float(jaxlite.jit(one)(2.0)) == 6.0
    assert float(jaxlite.grad(one.method)(2.0)) == 3.0
    assert bound.__name__ == "plain"


def test_jit_of_partials_lambdas_and_builtins():
    partial = functools.partial(lambda a, b, c: a * b + c, 2.0, c=3.0)
    assert jaxlite.jit(partial)(4.0) == 11.0
    partial = functools.partial(lambda a, b, names: a * b * len(names), 2.0)
    assert jaxlite.jit(partial, static_argnums=1)(3.0, "ab") == 12.0
    assert jaxlite.jit(np.sin)(0.0) == 0.0
    assert jaxlite.jit(abs)(-4.0) == 4.0
    assert jaxlite.jit(jaxlite.jit(lambda x: x * 2.0))(3.0) == 6.0
    assert jaxlite.jit(jaxlite.tree_util.Partial(product, 3.0))(2.0) == 6.0


def test_jit_as_a_decorator_keeps_name_and_docstring():
    @jaxlite.jit
    def described(x):
        """Say what it does."""
        return x

    @functools.partial(jaxlite.jit, static_argnames="n", donate_argnums=0, keep_unused=True, inline=True)
    def with_options(x, n):
        return x * n

    assert (described.__name__, described.__doc__) == ("described", "Say what it does.")
    assert "described at test_api.py" in repr(described)
    assert with_options(2.0, n=3) == 6.0


def test_jit_passes_on_pythons_own_argument_errors():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        jaxlite.jit(lambda x: x)()
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        jaxlite.jit(lambda x: x)(1.0, 2.0)


def test_jit_results_have_the_structure_of_the_function():
    result = jaxlite.jit(lambda x: {"a": Pair(x, [None, (2, True)]), "b": x.shape})(X)
    assert type(result["a"]) is Pair and result["a"].b[0] is None
    assert [leaf.dtype for leaf in jaxlite.tree.leaves(result)] == [np.float64, np.int64, np.bool_, np.int64]
    decomposition = jaxlite.jit(np.linalg.slogdet)(np.eye(2))
    assert decomposition.logabsdet == 0.0


def test_jit_copies_what_it_captures():
    table = X.copy()
    f = jaxlite.jit(lambda x: x + table)
    assert_close(f(0.0), X)
    table[:] = 100.0
    assert_close(f(0.0), X)


def test_trace_and_eval_shape_of_a_jitted_function():
    f = jaxlite.jit(lambda x, n: {"y": jnp.sin(x) * n}, static_argnums=1)
    traced = f.trace(X, 2)
    assert str(traced.jaxpr).count("sin") == 1 and traced.fun_name == "<lambda>"
    assert traced.out_info == {"y": jaxlite.ShapeDtypeStruct((3,), np.float64)}
    assert f.eval_shape(X, 2) == traced.out_info


def test_disable_jit():
    f = jaxlite.jit(lambda x: x if x > 0.0 else -x)
    with pytest.raises(TracerBoolConversionError):
        f(-2.0)
    with jaxlite.disable_jit():
        assert f(-2.0) == 2.0
        with jaxlite.disable_jit(False), pytest.raises(TracerBoolConversionError):
            f(-2.0)
        assert f(-3.0) == 3.0
    with pytest.raises(TracerBoolConversionError):
        f(-2.0)


# Plain NumPy code that both runs as it is and is recorded.
PLAIN = {
    "polynomial": lambda x: 2 * x**2 - x + 1,
    "ufuncs": lambda x: np.sin(x) + np.exp(-np.abs(x)),
    "sum": lambda x: np.sum(x),
    "mean": lambda x: np.mean(x, axis=0),
    "prod and max": lambda x: np.prod(x) + np.max(x),
    "where": lambda x: np.where(x > 1, x, 0),
    "comparison": lambda x: x >= 1,
    "true division": lambda x: x / 3,
    "scalar left": lambda x: 1 - x,
    "mixed with f32": lambda x: x * np.float32(2),
    "mixed with f64": lambda x: x + np.float64(2),
    "mixed with i8": lambda x: x + np.int8(1),
    "mixed with a list's array": lambda x: x * np.array([1, 2, 3]),
    "cumsum": lambda x: np.cumsum(x),
    "argmax": lambda x: np.argmax(x),
    "index": lambda x: x[1:],
    "matmul": lambda x: x @ x,
    "clip": lambda x: np.clip(x, 0, 1),
    "var": lambda x: np.var(x),
    "concatenate": lambda x: np.concatenate([x, x]),
    "astype": lambda x: x.astype(np.float32) * 2,
    "python sum": lambda x: sum(x),
    "zeros_like": lambda x: np.zeros_like(x) + 1,
}
PLAIN_DTYPES = [
    "bool",
    "int8",
    "int32",
    "int64",
    "uint8",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


@pytest.mark.parametrize("dtype", PLAIN_DTYPES)
@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning", "ignore::RuntimeWarning")
def test_jit_of_plain_numpy_code_has_its_dtype_and_value(name, dtype):
    f, x = PLAIN[name], np.array([1, 0, 2]).astype(dtype)
    try:
        expected = f(x)
    except TypeError:
        with pytest.raises(TypeError):
            jaxlite.jit(f)(x)
        return
    got = jaxlite.jit(f)(x)
    assert (got.dtype, got.shape) == (np.asarray(expected).dtype, np.shape(expected))
    rtol = 20 * np.finfo(got.dtype).eps if got.dtype.kind in "fc" else 0
    np.testing.assert_allclose(got, expected, rtol=rtol)


# --- looking at programs ------------------------------------------------------------------------------


def test_make_jaxpr():
    assert str(jaxlite.make_jaxpr(lambda x: np.sin(x) * 2.0)(X)) == (
        "{ lambda ; a:f64[3]. let b:f64[3] = sin a; c:f64[3] = mul b 2.0:f64[] in (c,) }"
    )
    program = jaxlite.make_jaxpr(lambda n, x, mode: x * len(mode) * n, static_argnums=(0, -1))(2, 1.0, "abc")
    assert len(program.in_avals) == 1
    program, shapes = jaxlite.make_jaxpr(lambda x: {"a": x @ x}, return_shape=True)(np.eye(2))
    assert shapes == {"a": jaxlite.ShapeDtypeStruct((2, 2), np.float64)}
    with_axis = jaxlite.make_jaxpr(lambda x: lax.psum(x, "i"), axis_env=[("i", 4)])(1.0)
    assert [eqn.primitive.name for eqn in with_axis.eqns] == ["psum"]
    assert jaxlite.make_jaxpr(lambda x, *, y: x + y)(1.0, y=2.0).in_avals[1].weak_type


def test_eval_shape():
    shape = jaxlite.ShapeDtypeStruct
    assert jaxlite.eval_shape(np.matmul, shape((2, 3), np.float32), shape((3,), "float32")) == shape(
        (2,), np.float32
    )
    out = jaxlite.eval_shape(lambda p, scale: {"y": p["x"] * scale}, {"x": X}, scale=2)
    assert out == {"y": shape((3,), np.float64)}
    assert repr(out["y"]) == "ShapeDtypeStruct(shape=(3,), dtype=float64)"
    assert (out["y"].ndim, out["y"].size, out["y"].shape, out["y"].dtype) == (1, 3, (3,), np.float64)
    assert jaxlite.typeof(X) == ShapedArray((3,), np.dtype(np.float64))


def test_eval_shape_computes_nothing():
    huge = jaxlite.ShapeDtypeStruct((2**30, 2**30), np.float64)
    assert jaxlite.eval_shape(lambda x: x @ x, huge).shape == (2**30, 2**30)


def test_closure_convert():
    def outer(y):
        converted, consts = jaxlite.closure_convert(lambda x: x * y * X[2], 1.0)
        assert len(consts) == 1
        return converted(2.0, *consts)

    assert jaxlite.grad(outer)(3.0) == 4.0
    converted, consts = jaxlite.closure_convert(lambda x: x * 2.0, 1.0)
    assert consts == [] and converted(3.0) == 6.0


def test_custom_gradient():
    @jaxlite.custom_gradient
    def f(x):
        return x**2, lambda g: (g * x,)

    assert f(3.0) == 9.0
    assert jaxlite.grad(f)(3.0) == 3.0
    assert jaxlite.grad(jaxlite.jit(f))(3.0) == 3.0


def test_named_scope_and_named_call():
    def f(x):
        with jaxlite.named_scope("outer"), jaxlite.named_scope("inner"):
            x = np.sin(x)
        return jaxlite.named_call(np.cos, name="last")(x)

    assert [eqn.source.scope for eqn in jaxlite.make_jaxpr(f)(1.0).eqns] == ["outer/inner", "last"]


def test_ensure_compile_time_eval():
    def f(x):
        with jaxlite.ensure_compile_time_eval():
            steps = int(jnp.sum(jnp.arange(3)))
        return x * steps

    assert jaxlite.jit(f)(2.0) == 6.0
    assert len(jaxlite.make_jaxpr(f)(2.0).eqns) == 1


def test_values_from_and_to_the_device():
    tree = {"a": X, "b": [1, None]}
    put = jaxlite.device_put(tree)
    assert is_array(put["a"]) and is_array(put["b"][0])
    got = jaxlite.device_get(put)
    assert type(got["a"]) is np.ndarray
    assert jaxlite.block_until_ready(put) is put
