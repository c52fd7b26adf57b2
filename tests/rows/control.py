"""Rows of the primitives in ``jaxlite/control``, used through the functions that users call.

The references are the same loops and choices in plain Python; derivatives of loops are written out as the
recurrences of the derivative.
"""

import numpy as np

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.control.tape import tape_add, tape_scan_p, tape_sum
from jaxlite.control.while_loop import while_p
from jaxlite.experimental import io_callback
from jaxlite.interpreters.stage import stage
from jaxlite.scipy.integrate import quad
from jaxlite.trace import aval_of
from tests.cases import Case, ErrorCase

X = np.array([0.3, 1.1, -0.7])
Y = np.array([1.2, -0.4, 0.8])
ROW = np.array([[0.2, 0.9, -0.3], [1.4, 0.5, 0.6]])
EMPTY = np.zeros((0, 3))

# --- calls and branches -----------------------------------------------------------------------------


def sin_and_y(x, y):
    return jnp.sin(x) * y, y


def jitted(x, y):
    # A wrapper of its own each time: a known one goes to its machine code without binding anything.
    return jaxlite.jit(sin_and_y)(x, y)


def jitted_reference(x, y):
    return np.sin(x) * y, y


def switch(index, x):
    return lax.switch(index, [jnp.sin, lambda x: x * x, lambda x: 2.0 * x], x)


def switch_reference(index, x):
    return [np.sin(x), x * x, 2.0 * x][min(max(int(index), 0), 2)]


def cond(pred, x, y):
    """The branches close over an operand, and give results of several dtypes."""
    return lax.cond(pred, lambda x: (x * y, 1), lambda x: (jnp.cos(x), 0), x)


def cond_reference(pred, x, y):
    return (x * y, np.int64(1)) if pred else (np.cos(x), np.int64(0))


# --- loops ------------------------------------------------------------------------------------------


def scan(reverse=False, checkpoint=None):
    def call(carry, xs):
        def step(carry, x):
            return jnp.sin(carry) * x, carry + x

        return lax.scan(step, carry, xs, reverse=reverse, checkpoint=checkpoint)

    def reference(carry, xs):
        steps = range(len(xs))
        ys = np.zeros_like(xs)
        for i in reversed(steps) if reverse else steps:
            carry, ys[i] = np.sin(carry) * xs[i], carry + xs[i]
        return carry, ys

    return {"call": call, "reference": reference}


def scan_of_dicts(x, count):
    """Without xs; an integer in the carry, a captured constant, a pytree."""

    def step(carry, _):
        return {"y": carry["y"] * x, "n": carry["n"] + 1}, carry["n"]

    carry, ys = lax.scan(step, {"y": jnp.ones_like(x), "n": count}, length=3)
    return carry["y"], carry["n"], ys


def count_down(n, x):
    """Runs ``n`` times: elements of a batch may need different numbers of steps."""
    return lax.while_loop(lambda s: s[0] > 0, lambda s: (s[0] - 1, jnp.sin(s[1]) * x), (n, x))


def count_down_reference(n, x):
    y = x
    for _ in range(int(n)):
        y = np.sin(y) * x
    return n * 0, y


def shrink(x):
    return lax.while_loop(lambda y: jnp.sum(y * y) > 0.3, lambda y: 0.6 * jnp.sin(y), x)


def shrink_reference(x):
    while np.sum(x * x) > 0.3:
        x = 0.6 * np.sin(x)
    return x


def three_steps(x):
    """``y ← sin(y)·x``, three times, with a condition that reverse mode cannot count."""
    return lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.sin(s[1]) * x), (0, x))[1]


def three_steps_derivatives(x):
    """Return the value and the first two derivatives."""
    y, d, d2 = x, np.ones_like(x), np.zeros_like(x)
    for _ in range(3):
        s, c = np.sin(y), np.cos(y)
        y, d, d2 = s * x, c * d * x + s, (c * d2 - s * d * d) * x + 2.0 * c * d
    return y, d, d2


def sum_of(f):
    return lambda x: jnp.sum(f(x))


def loop_in_cond(x):
    return lax.cond(jnp.sum(x) > 0.5, three_steps, jnp.sin, x)


def loop_in_cond_derivatives(x):
    return three_steps_derivatives(x) if np.sum(x) > 0.5 else (np.sin(x), np.cos(x), -np.sin(x))


# --- integrals --------------------------------------------------------------------------------------


def sine_integral(c, a, b):
    return quad(lambda x: jnp.sum(jnp.sin(c * x)), a, b)[0]


# --- tapes ------------------------------------------------------------------------------------------


def record(x):
    """Return the tape of a loop that doubles: rows ``x``, ``2x`` and ``4x``."""
    types = [aval_of(np.int64(0)), aval_of(x)]
    condition, _ = stage(lambda i, y: [lax.lt(i, 3)], types)
    body, _ = stage(lambda i, y: [lax.add(i, 1), lax.mul(y, 2.0), y], types)
    programs = {"cond_jaxpr": condition, "body_jaxpr": body}
    return while_p.bind(np.int64(0), x, **programs, cond_nconsts=0, body_nconsts=0, tapes_out=(1,))[2]


def sum_of_rows(tape):
    row = tape.aval.elements[0]
    body, _ = stage(lambda total, y: [lax.add(total, y)], [row, row])
    zero = np.zeros(row.shape, row.dtype)
    return tape_scan_p.bind(zero, tape, jaxpr=body, num_consts=0, num_carry=1, tapes_out=(), reverse=False)[0]


# --- rules of the user's own ------------------------------------------------------------------------


@jaxlite.custom_jvp
def softplus(x):
    return jnp.log1p(jnp.exp(x))


softplus.defjvps(lambda t, ans, x: t / (1.0 + jnp.exp(-x)))


@jaxlite.custom_vjp
def scaled_sin(x, scale):
    return jnp.sin(x) * scale


scaled_sin.defvjp(
    lambda x, scale: (scaled_sin(x, scale), (x, scale)),
    lambda residuals, ct: (ct * residuals[1] * jnp.cos(residuals[0]), ct * jnp.sin(residuals[0])),
)


def linear_part(x, scale, x_dot):
    return jaxlite.linearize(lambda x: scaled_sin(x, scale), x)[1](x_dot)


def linear_solve(matrix, b):
    return lax.custom_linear_solve(
        lambda x: matrix @ x,
        b,
        solve=lambda matvec, b: jnp.linalg.solve(matrix, b),
        transpose_solve=lambda vecmat, b: jnp.linalg.solve(matrix.T, b),
    )


def cube_root(x):
    def newton(f, y):
        return lax.fori_loop(0, 60, lambda i, y: y - f(y) / (3.0 * y * y), y)

    return lax.custom_root(lambda y: y**3 - x, jnp.ones_like(x), newton, lambda g, b: b / g(jnp.ones_like(b)))


# --- functions on the host --------------------------------------------------------------------------


def like(x):
    return jaxlite.ShapeDtypeStruct(x.shape, x.dtype)


@jaxlite.custom_jvp
def sin_on_host(x):
    return jaxlite.pure_callback(np.sin, like(x), x, vmap_method="sequential")


sin_on_host.defjvps(lambda t, ans, x: t * jnp.cos(x))


def cos_on_host(x):
    return jaxlite.pure_callback(np.cos, like(x), x, vmap_method="expand_dims")


def negated_with_effect(x):
    return io_callback(np.negative, like(x), x)


def observed(x):
    jaxlite.debug.callback(lambda x: None, x)
    return jnp.square(x)


# --- collectives ------------------------------------------------------------------------------------


def over_axis(f):
    """Map over a named axis, with one ``vmap`` more in between, whose axis has no part in it."""
    return lambda x: jaxlite.vmap(f, axis_name="i")(x)


ONE_SNAPSHOT = jaxlite.checkpoint_loops.Binomial(snapshots=1)
TWO_SNAPSHOTS = jaxlite.checkpoint_loops.Binomial(snapshots=2)
ROTATION = [(0, 1), (1, 2), (2, 0)]
MATRIX = np.array([[3.0, 0.5, -0.2], [0.1, 2.0, 0.4], [0.3, -0.6, 4.0]])

ROWS = [
    Case("jit", (X, Y), call=jitted, reference=jitted_reference),
    Case("jit", (X.astype(np.float32), Y.astype(np.float32)), call=jitted, reference=jitted_reference),
    Case("jit", (np.float64(0.5), Y), call=jitted, reference=jitted_reference),
    Case("jit", (EMPTY, EMPTY), call=jitted, reference=jitted_reference),
    Case("jit", (X + 1j, Y * 1j), call=jitted, reference=jitted_reference),
    Case("jit", (np.arange(3),), call=lambda n: jaxlite.jit(lambda n: n * 2)(n), reference=lambda n: n * 2),
    Case(
        "checkpoint",
        (X, Y),
        call=jaxlite.checkpoint(lambda x, y: jnp.sin(jnp.cos(x) * y)),
        reference=lambda x, y: np.sin(np.cos(x) * y),
    ),
    Case("cond", (np.int64(0), X), call=switch, reference=switch_reference, label="0"),
    Case("cond", (np.int64(1), X), call=switch, reference=switch_reference, label="1"),
    Case("cond", (np.int64(7), X), call=switch, reference=switch_reference, label="clamped"),
    Case("cond", (np.int64(-7), ROW), call=switch, reference=switch_reference, label="clamped"),
    Case("cond", (np.bool_(True), X, Y), call=cond, reference=cond_reference, label="true"),
    Case("cond", (np.bool_(False), X, Y), call=cond, reference=cond_reference, label="false"),
    Case("cond", (np.bool_(True), EMPTY, EMPTY), call=cond, reference=cond_reference),
    Case("revolve", (np.float64(1.5), X), **scan(checkpoint=TWO_SNAPSHOTS)),
    Case("revolve", (X, ROW), **scan(reverse=True, checkpoint=ONE_SNAPSHOT), label="reverse"),
    Case("scan", (np.float64(1.5), X), **scan(), label="scalars"),
    Case("scan", (np.float64(1.5), X), **scan(reverse=True), label="reverse"),
    Case("scan", (X, ROW), **scan(), label="rows"),
    Case("scan", (X.astype(np.float32), ROW.astype(np.float32)), **scan()),
    Case("scan", (X, EMPTY), **scan(), label="no steps"),
    Case("scan", (X + 1j, ROW * 1j), **scan(reverse=True)),
    Case(
        "scan",
        (X, np.int64(2)),
        call=scan_of_dicts,
        reference=lambda x, count: (x**3, count + 3, count + np.arange(3)),
        label="dicts",
    ),
    Case("while", (np.int64(4), X), call=count_down, reference=count_down_reference),
    Case("while", (np.int64(0), X), call=count_down, reference=count_down_reference, label="no steps"),
    Case("while", (np.int64(2), X.astype(np.float32)), call=count_down, reference=count_down_reference),
    Case("while", (np.int64(2), EMPTY), call=count_down, reference=count_down_reference),
    Case("while", (X,), call=shrink, reference=shrink_reference, label="by value"),
    Case(
        "while", (X + 1j,), call=lambda z: count_down(2, z)[1], reference=lambda z: np.sin(np.sin(z) * z) * z
    ),
    Case(
        "while",
        (np.int64(3), X),
        call=lambda n, x: jaxlite.jit(lambda n, x: lax.fori_loop(0, n, lambda i, y: y * x + i, x))(n, x),
        reference=lambda n, x: ((x * x + 0) * x + 1) * x + 2,
        label="fori_loop",
    ),
    Case(
        "tape_scan",
        (X,),
        call=jaxlite.grad(sum_of(three_steps)),
        reference=lambda x: three_steps_derivatives(x)[1],
    ),
    Case(
        "empty_tape",
        (X,),
        call=jaxlite.grad(sum_of(loop_in_cond)),
        reference=lambda x: loop_in_cond_derivatives(x)[1],
    ),
    Case(
        "tape_zeros_like",
        (X, Y),
        call=lambda x, v: jaxlite.jvp(jaxlite.grad(sum_of(loop_in_cond)), (x,), (v,))[1],
        reference=lambda x, v: loop_in_cond_derivatives(x)[2] * v,
        order=1,
    ),
    Case(
        "tape_broadcast",
        (X,),
        call=jaxlite.hessian(sum_of(loop_in_cond)),
        reference=lambda x: np.diag(loop_in_cond_derivatives(x)[2]),
        order=1,
    ),
    Case(
        "tape_add",
        (X,),
        call=lambda x: sum_of_rows(tape_add(record(x), record(x))),
        reference=lambda x: 14.0 * x,
    ),
    Case(
        "tape_sum",
        (ROW,),
        call=lambda x: sum_of_rows(tape_sum(record(x), size=ROW.shape[0], lead=0, num_masks=0)),
        reference=lambda x: 7.0 * np.sum(x, 0),
    ),
    Case("custom_jvp_call", (X,), call=softplus, reference=lambda x: np.log1p(np.exp(x))),
    Case("custom_jvp_call", (EMPTY,), call=softplus, reference=lambda x: np.log1p(np.exp(x))),
    Case("custom_vjp_call", (X, Y), call=scaled_sin, reference=lambda x, y: np.sin(x) * y),
    Case("custom_vjp_call", (EMPTY, EMPTY), call=scaled_sin, reference=lambda x, y: np.sin(x) * y),
    Case("custom_lin", (X, Y, Y + 1.0), call=linear_part, reference=lambda x, y, v: np.cos(x) * y * v),
    Case("linear_solve", (MATRIX, X), call=linear_solve, reference=np.linalg.solve),
    Case("root", (np.abs(X),), call=cube_root, reference=np.cbrt),
    Case(
        "integral",
        (X, np.float64(-0.4), np.float64(1.3)),
        call=sine_integral,
        reference=lambda c, a, b: np.sum((np.cos(a * c) - np.cos(b * c)) / c),
    ),
    Case("pure_callback", (X,), call=sin_on_host, reference=np.sin),
    Case("pure_callback", (ROW,), call=cos_on_host, reference=np.cos, derivatives=None),
    Case("pure_callback", (EMPTY,), call=cos_on_host, reference=np.cos, derivatives=None),
    Case("io_callback", (X,), call=negated_with_effect, reference=np.negative, derivatives=None),
    Case("debug_callback", (X,), call=observed, reference=np.square),
    Case("psum", (X,), call=over_axis(lambda x: x * lax.psum(x, "i")), reference=lambda x: x * np.sum(x)),
    Case(
        "psum",
        (ROW,),
        call=over_axis(lambda x: lax.psum(x, "i")),
        reference=lambda x: np.tile(np.sum(x, 0), (2, 1)),
    ),
    Case("pmax", (X,), call=over_axis(lambda x: x - lax.pmax(x, "i")), reference=lambda x: x - np.max(x)),
    Case("pmin", (X,), call=over_axis(lambda x: x - lax.pmin(x, "i")), reference=lambda x: x - np.min(x)),
    Case(
        "all_gather",
        (X,),
        call=over_axis(lambda x: x * lax.all_gather(x, "i")),
        reference=lambda x: np.outer(x, x),
    ),
    Case(
        "ppermute",
        (X,),
        call=over_axis(lambda x: x * lax.ppermute(x, "i", ROTATION)),
        reference=lambda x: x * np.roll(x, 1),
    ),
    Case(
        "axis_index",
        (X,),
        call=over_axis(lambda x: x * lax.axis_index("i")),
        reference=lambda x: x * np.arange(3),
    ),
]

ERRORS: list[ErrorCase] = []
