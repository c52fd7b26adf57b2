"""The public surface in a few seconds: run this before every commit.

One small, hand-checkable use of everything that users import; what each of them does at its edges is tested in
the file that mirrors its module.
"""

import functools

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.flatten_util import ravel_pytree
from jaxlite.test_util import assert_max_traces, check_batch, check_grads

X = np.array([1.0, 2.0, 3.0])


def cubes(x):
    return jnp.sum(x**3)


def equal(got, expected):
    """Compare two trees, with structure and dtypes."""
    assert jaxlite.tree.structure(got) == jaxlite.tree.structure(expected)
    for x, y in zip(jaxlite.tree.leaves(got), jaxlite.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, strict=True)


# --- transformations --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transformed", "expected"),
    [
        (jaxlite.jit(cubes), np.array(36.0)),
        (jaxlite.grad(cubes), 3.0 * X**2),
        (jaxlite.value_and_grad(cubes), (np.array(36.0), 3.0 * X**2)),
        (jaxlite.jacfwd(lambda x: x**2), np.diag(2.0 * X)),
        (jaxlite.jacrev(lambda x: x**2), np.diag(2.0 * X)),
        (jaxlite.hessian(cubes), np.diag(6.0 * X)),
        (jaxlite.vmap(lambda x: x * x), X**2),
        (jaxlite.checkpoint(cubes), np.array(36.0)),
        (jaxlite.jit(jaxlite.vmap(jaxlite.grad(lambda x: x**3))), 3.0 * X**2),
        (jaxlite.vmap(jaxlite.jit(jaxlite.grad(jaxlite.grad(lambda x: x**3)))), 6.0 * X),
        (jaxlite.grad(lambda x: jnp.sum(jaxlite.vmap(jnp.sin)(x))), np.cos(X)),
        (jaxlite.grad(lambda x: jnp.sum(x * jaxlite.stop_gradient(x))), X),
    ],
)
def test_transformation(transformed, expected):
    equal(transformed(X), expected)


def test_jvp_vjp_linearize():
    equal(jaxlite.jvp(cubes, (X,), (X,)), (np.array(36.0), np.array(108.0)))
    out, f_vjp = jaxlite.vjp(cubes, X)
    equal(f_vjp(2.0), (6.0 * X**2,))
    out, f_jvp = jaxlite.linearize(cubes, X)
    equal((out, f_jvp(X)), (np.array(36.0), np.array(108.0)))
    equal(jaxlite.linear_transpose(lambda x: 2.0 * x, X)(X), (2.0 * X,))


def test_arguments():
    """argnums, auxiliary results, keywords, static arguments, axes, pytrees."""

    def f(params, x, *, power=2):
        y = params["w"] * x**power
        return jnp.sum(y), {"y": y}

    params = {"w": X, "unused": None}
    equal(jaxlite.grad(f, has_aux=True)(params, X, power=1), ({"w": X, "unused": None}, {"y": X**2}))
    equal(
        jaxlite.grad(f, argnums=(0, -1), has_aux=True)(params, X)[0],
        ({"w": X**2, "unused": None}, 2.0 * X**2),
    )
    equal(jaxlite.jit(f, static_argnames="power")(params, X, power=1)[1], {"y": X**2})
    matrix = np.arange(6.0).reshape(2, 3)
    equal(jaxlite.vmap(jnp.dot, in_axes=(1, None), out_axes=0)(matrix, matrix[:, 0]), matrix.T @ matrix[:, 0])
    summed = jaxlite.vmap(lambda x: x - lax.pmean(x, "i") + lax.axis_index("i"), axis_name="i")(X)
    equal(summed, X - 2.0 + np.arange(3))


def test_custom_rules():
    @jaxlite.custom_jvp
    def f(x):
        return x * x

    f.defjvps(lambda t, ans, x: 10.0 * t * x)

    @jaxlite.custom_vjp
    def g(x):
        return x * x

    g.defvjp(lambda x: (x * x, x), lambda x, ct: (10.0 * ct * x,))
    for h in (f, g):
        equal(jaxlite.jit(jaxlite.vmap(jaxlite.grad(h)))(X), 10.0 * X)


# --- control flow -----------------------------------------------------------------------------------


def newton_sqrt(a):
    return lax.while_loop(lambda x: jnp.abs(x * x - a) > 1e-14, lambda x: 0.5 * (x + a / x), a)


@pytest.mark.parametrize("wrap", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
@pytest.mark.parametrize(
    ("f", "x", "value", "derivative"),
    [
        (lambda x: lax.cond(x > 1.0, lambda x: x**2, jnp.sin, x), 3.0, 9.0, 6.0),
        (lambda x: lax.switch(1, [jnp.sin, lambda x: x**3], x), 2.0, 8.0, 12.0),
        (lambda x: lax.scan(lambda c, _: (c * x, None), 1.0, length=3)[0], 2.0, 8.0, 12.0),
        (lambda x: lax.fori_loop(0, 3, lambda i, y: y * x, x), 2.0, 16.0, 32.0),
        (lambda x: jnp.sum(lax.map(lambda t: t * x, X)), 2.0, 12.0, 6.0),
        (lambda x: lax.associative_scan(jnp.multiply, x * X)[-1], 2.0, 48.0, 72.0),
        (newton_sqrt, 4.0, 2.0, 0.25),
    ],
    ids=["cond", "switch", "scan", "fori_loop", "map", "associative_scan", "while_loop"],
)
def test_control_flow(wrap, f, x, value, derivative):
    np.testing.assert_allclose(wrap(f)(x), value, rtol=1e-12)
    np.testing.assert_allclose(wrap(jaxlite.grad(f))(x), derivative, rtol=1e-12)
    np.testing.assert_allclose(jaxlite.jvp(wrap(f), (x,), (1.0,))[1], derivative, rtol=1e-12)
    np.testing.assert_allclose(
        wrap(jaxlite.vmap(jaxlite.grad(f)))(np.array([x, x])), [derivative] * 2, rtol=1e-12
    )


# --- arrays -----------------------------------------------------------------------------------------


def test_numpy_functions_on_traced_values():
    def f(x):
        y = np.where(x > 1.5, np.sin(x), np.exp(-x)) @ np.outer(x, x)
        return np.sum(np.concatenate([y, x[::-1]])) + np.mean(x) + np.linalg.norm(x)

    equal(jaxlite.jit(f)(X), np.array(f(X)))
    check_grads(f, (X,), order=2)
    check_batch(f, (X,))


def test_arrays_are_numpy_arrays_that_nothing_writes_into():
    x = jnp.asarray(X)
    equal(x.at[1].set(5.0).at[0].add(1.0), np.array([2.0, 5.0, 3.0]))
    assert isinstance(x, np.ndarray)
    with pytest.raises(TypeError, match=r"x\.at\[index\]\.set"):
        x[0] = 1.0
    with pytest.raises(IndexError):
        x[5]


def test_dtypes_promote_as_in_numpy():
    single = X.astype(np.float32)
    assert (jnp.asarray(single) * 2.0).dtype == np.float32
    assert (jnp.arange(3) / 2).dtype == np.float64
    assert (jnp.asarray(single) + X).dtype == np.float64


# --- programs and pytrees ---------------------------------------------------------------------------


def test_programs_print_and_run():
    closed = jaxlite.make_jaxpr(lambda x: jnp.sum(jnp.sin(x)))(X)
    text = "{ lambda ; a:f64[3]. let b:f64[3] = sin a; c:f64[] = reduce_sum[axes=(0,)] b in (c,) }"
    assert str(closed).split() == text.replace(";", " ").replace("lambda  ", "lambda ; ").split()
    jaxlite.check_jaxpr(jaxlite.parse_jaxpr(str(closed)))
    namespace: dict = {}
    exec(closed.to_python(), namespace)
    equal(namespace["program"](X), tuple(jaxlite.eval_jaxpr(closed.jaxpr, closed.consts, X)))
    shape = jaxlite.eval_shape(jnp.outer, X, X)
    assert (shape.shape, shape.dtype) == ((3, 3), np.float64)


def test_pytrees():
    tree = {"b": (1.0, None), "a": [2.0, X]}
    leaves, treedef = jaxlite.tree.flatten(tree)
    assert [np.ndim(leaf) for leaf in leaves] == [0, 1, 0]
    assert jaxlite.tree.unflatten(treedef, leaves) == tree
    flat, unravel = ravel_pytree(tree)
    equal(flat, np.array([2.0, 1.0, 2.0, 3.0, 1.0]))
    equal(unravel(flat)["b"][0], np.array(1.0))
    equal(jaxlite.tree.map(lambda x: 2.0 * x, {"a": X}), {"a": 2.0 * X})


# --- errors and counters ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda: jaxlite.grad(lambda x: x)(X), TypeError, "needs a scalar result"),
        (lambda: jaxlite.grad(lambda x: x)(2), TypeError, "requires real- or complex-valued inputs"),
        (
            lambda: jaxlite.jit(lambda x: x if x > 0 else -x)(1.0),
            jaxlite.errors.ConcretizationTypeError,
            "where",
        ),
        (lambda: jnp.asarray(X) + np.ones(4), ValueError, "broadcast"),
        (lambda: jaxlite.vmap(jnp.add)(X, np.ones(4)), ValueError, "inconsistent sizes"),
        (lambda: lax.scan(lambda c, x: (c + 0.5, x), np.int64(0), X), TypeError, "carry"),
        (lambda: jaxlite.jit(lambda x: x, static_argnums=0)([1]), ValueError, "[Hh]ashable"),
    ],
)
def test_mistakes_are_explained(mistake, error, message):
    with pytest.raises(error, match=message):
        mistake()


def test_jit_traces_once():
    f = jaxlite.jit(functools.partial(jnp.multiply, 2.0))
    with assert_max_traces(1):
        equal([f(X), f(X + 1.0)], [2.0 * X, 2.0 * X + 2.0])
    with jaxlite.disable_jit(), assert_max_traces(0):
        f(X)


def test_newton_fits_a_logistic_regression():
    """The main job of the package, small."""
    features = np.array([[1.0, -2.0], [1.0, -0.5], [1.0, 0.3], [1.0, 1.1], [1.0, 2.5]])
    labels = np.array([0.0, 0.0, 1.0, 0.0, 1.0])

    def loss(w):
        z = features @ w
        return np.mean(np.logaddexp(0.0, z) - labels * z) + 0.05 * np.sum(w**2)

    gradient, curvature = jaxlite.jit(jaxlite.grad(loss)), jaxlite.jit(jaxlite.hessian(loss))
    w = np.zeros(2)
    for _ in range(8):
        w = w - np.linalg.solve(curvature(w), gradient(w))
    np.testing.assert_allclose(gradient(w), 0.0, atol=1e-14)
    assert w[1] > 0.0
