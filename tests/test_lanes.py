"""Elements of a vmap that take different ways: each as a Python loop over it alone says, values and derivatives."""

import itertools

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.counters import counters
from jaxlite.errors import JAXIndexError
from tests.sampling import one_in
from tests.tolerances import assert_close

SIZES = [0, 1, 5, 33, 70]

# --- programs: (x, w, n) -> scalar, of which elements differ in x, n, or both --------------------------


def ragged(x, w, n):
    return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, jnp.sin(w * c[1]) + 0.9 * c[1]), (0, x))[1]


def ragged_by_value(x, w, n):
    return lax.while_loop(lambda v: v < 4.0, lambda v: v * (1.1 + w * w) + 0.05, jnp.abs(x) + 0.1)


def wide(x, w, n):
    v = x * jnp.asarray(np.linspace(0.5, 1.0, 5))
    v = lax.while_loop(
        lambda c: c[0] < n, lambda c: (c[0] + 1, jnp.cos(c[1]) * w + 0.1 * jnp.sum(c[1])), (0, v)
    )[1]
    return jnp.sum(v)


def product(x, w, n):
    matrix = jnp.asarray(np.eye(3) * 0.5 + 0.1)
    v = x * jnp.asarray([1.0, 0.5, -0.5])
    step = lambda c: (c[0] + 1, jnp.tanh(matrix @ c[1]) * (1.0 + w))  # noqa: E731
    return jnp.sum(lax.while_loop(lambda c: c[0] < n, step, (0, v))[1])


def looked_up(x, w, n):
    table = w * jnp.asarray(np.linspace(0.5, 1.5, 12))
    return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] * table[c[0]]), (0, x))[1]


def loop_in_loop(x, w, n):
    def outer(c):
        inner = lax.while_loop(
            lambda d: d[0] < c[0], lambda d: (d[0] + 1, jnp.sin(d[1]) * w + d[1]), (0, c[1])
        )
        return c[0] + 1, 0.5 * inner[1]

    return lax.while_loop(lambda c: c[0] < n, outer, (0, x))[1]


def loop_in_equal_loops(x, w, n):
    def outer(i, v):
        return (
            0.5
            * lax.while_loop(lambda d: d[0] < n, lambda d: (d[0] + 1, jnp.sin(d[1]) * w + d[1]), (0, v))[1]
        )

    return lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, outer(*c)), (0, x))[1]


def loop_in_scan(x, w, n):
    def step(c, t):
        c = lax.while_loop(lambda d: d[0] < n, lambda d: (d[0] + 1, jnp.sin(w * d[1]) + t), (0, c))[1]
        return c, c * t

    c, ys = lax.scan(step, x, jnp.asarray([0.1, 0.2, 0.3]))
    return c + jnp.sum(ys)


def scan_in_loop(x, w, n):
    step = lambda c: lax.scan(lambda v, t: (jnp.sin(v * t) + w, v), c, jnp.asarray([0.3, 0.9]))[0]  # noqa: E731
    return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, step(c[1])), (0, x))[1]


def branch_in_loop(x, w, n):
    def step(c):
        i, v = c
        return i + 1, lax.cond(v > w, lambda v: jnp.log(v) * 0.5, lambda v: jnp.exp(-v) + 0.3, v)

    return lax.while_loop(lambda c: c[0] < n, step, (0, x))[1]


def loop_in_branch(x, w, n):
    return lax.cond(
        x > 0.0,
        lambda x: lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, jnp.sin(c[1]) * w), (0, x))[1],
        lambda x: w * x,
        x,
    )


def loops_in_branches(x, w, n):
    def power(k):
        return lambda v: lax.while_loop(
            lambda c: c[0] < n, lambda c: (c[0] + 1, jnp.sin(k * c[1]) + w), (0, v)
        )[1]

    return lax.switch(n % 3, [power(0.5), lambda v: v * w, power(1.5)], x)


def loop_in_branch_in_loop(x, w, n):
    def step(c):
        return c[0] + 1, loop_in_branch(c[1], w, c[0] % 3) + 0.1

    return lax.while_loop(lambda c: c[0] < n, step, (0, x))[1]


def loop_in_branch_in_scan(x, w, n):
    def step(c, k):
        return loop_in_branch(c, w, (n + k) % 4) + 0.1, c

    c, ys = lax.scan(step, x, jnp.arange(3))
    return c + jnp.sum(ys * w)


def scan_of_loops_in_branch(x, w, n):
    return lax.cond(x > 0.0, lambda x: loop_in_scan(x, w, n), lambda x: x * w, x)


def loop_in_shared_branch(x, w, n):
    return lax.cond(w > 0.0, lambda x: ragged(x, w, n), lambda x: x * w, x)


def scan_in_shared_branch(x, w, n):
    return lax.cond(w > 0.0, lambda x: loop_in_scan(x, w, n), lambda x: ragged(x, w, n), x)


def checkpointed(every):
    def f(x, w, n):
        step = lambda c: (c[0] + 1, jnp.sin(w * c[1]) + 0.9 * c[1])  # noqa: E731
        return lax.while_loop(lambda c: c[0] < n, step, (0, x), checkpoint=every)[1]

    f.__name__ = f"checkpointed_{every}"
    return f


def checkpointed_whole(x, w, n):
    return jaxlite.checkpoint(loop_in_loop)(x, w, n)


def slope_in_loop(x, w, n):
    """Follow a gradient, itself of a loop, for as many steps as an element likes."""
    slope = jaxlite.grad(lambda v: ragged(v, w, n % 3) ** 2)
    return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] - 0.1 * slope(c[1])), (0, x))[1]


def shared_pullback(x, w, n):
    """Use one linear loop in another, each step of which reads the whole tape."""
    value, pullback = jaxlite.vjp(lambda v: ragged(v, w, n), x)
    step = lambda c: (c[0] + 1, 0.5 * pullback(c[1])[0] + 1.0)  # noqa: E731
    return lax.while_loop(lambda c: c[0] < (n + 3) % 5, step, (0, value))[1]


def mapped_pullback(x, w, n):
    _, pullback = jaxlite.vjp(lambda v: ragged(v, w, n), x)
    return jnp.sum(lax.map(lambda ct: pullback(ct)[0] ** 2, jnp.asarray([0.5, 1.5])))


PROGRAMS = [
    ragged, ragged_by_value, wide, product, looked_up, loop_in_loop, loop_in_equal_loops, loop_in_scan, scan_in_loop,
    branch_in_loop, loop_in_branch, loops_in_branches, loop_in_branch_in_loop, loop_in_branch_in_scan,
    scan_of_loops_in_branch, loop_in_shared_branch, scan_in_shared_branch, checkpointed(2), checkpointed("sqrt"),
    checkpointed_whole, slope_in_loop, shared_pullback, mapped_pullback,
]  # fmt: skip


def elements(rng, size):
    return rng.uniform(-1.0, 1.5, size), np.float64(0.7), rng.integers(0, 9, size)


def one_by_one(f, x, w, n, **options):
    """Run ``f`` for each element as Python code."""
    with jaxlite.disable_jit():
        rows = [f(a, w, int(k)) for a, k in zip(x, n, strict=True)]
    return np.array(rows) if rows else np.zeros((0,))


@pytest.mark.parametrize(
    ("f", "size"), one_in(4, itertools.product(PROGRAMS, SIZES)), ids=lambda x: getattr(x, "__name__", str(x))
)
def test_values_and_gradients(f, size, rng):
    x, w, n = elements(rng, size)
    mapped = jaxlite.vmap(f, (0, None, 0))
    slope = jaxlite.vmap(jaxlite.grad(f), (0, None, 0))
    expected, expected_slope = one_by_one(f, x, w, n), one_by_one(jaxlite.grad(f), x, w, n)
    before = counters.num_host_calls
    for wrap in (jaxlite.jit, lambda f: f) if size == 33 else (jaxlite.jit,):
        assert_close(wrap(mapped)(x, w, n), expected, rtol=1e-11)
        assert_close(wrap(slope)(x, w, n), expected_slope, rtol=1e-11)
    total = jaxlite.jit(jaxlite.grad(lambda x: jnp.sum(mapped(x, w, n))))
    assert_close(total(x), expected_slope, rtol=1e-11)
    assert counters.num_host_calls == before


SECOND_ORDER = [
    ragged,
    product,
    looked_up,
    loop_in_loop,
    loop_in_scan,
    loop_in_branch,
    checkpointed(2),
    slope_in_loop,
]


@pytest.mark.parametrize("f", one_in(3, SECOND_ORDER), ids=lambda f: f.__name__)
def test_products_with_the_second_derivative(f, rng):
    x, w, n = elements(rng, 35)
    x_dot = rng.normal(size=35)

    def forward_over_reverse(x, x_dot, n):
        return jaxlite.jvp(lambda v: jaxlite.grad(f)(v, w, n), (x,), (x_dot,))[1]

    def reverse_over_reverse(x, x_dot, n):
        return jaxlite.grad(lambda v: jaxlite.grad(f)(v, w, n) * x_dot)(x)

    with jaxlite.disable_jit():
        expected = [forward_over_reverse(a, d, int(k)) for a, d, k in zip(x, x_dot, n, strict=True)]
    for product_with in (forward_over_reverse, reverse_over_reverse):
        assert_close(jaxlite.jit(jaxlite.vmap(product_with))(x, x_dot, n), np.array(expected), rtol=1e-9)
    slopes = jaxlite.vmap(jaxlite.grad(f), (0, None, 0))
    outside = jaxlite.jit(jaxlite.grad(lambda x: jnp.sum(slopes(x, w, n) * x_dot)))
    assert_close(outside(x), np.array(expected), rtol=1e-9)


@pytest.mark.parametrize("f", one_in(3, PROGRAMS), ids=lambda f: f.__name__)
def test_tangents_and_what_elements_share(f, rng):
    """Forward mode, mapped weights, and mapped weights alone, which leaves some carries shared."""
    x, _, n = elements(rng, 34)
    w = rng.uniform(0.3, 0.9, 34)
    with jaxlite.disable_jit():
        both = [jaxlite.jvp(lambda a, b: f(a, b, int(k)), (a, b), (1.0, -1.0))[1] for a, b, k in zip(x, w, n)]  # noqa: B905, B023
        shared = [jaxlite.grad(f, 1)(x[0], b, 5) for b in w]
    tangent = jaxlite.vmap(lambda a, b, k: jaxlite.jvp(lambda a, b: f(a, b, k), (a, b), (1.0, -1.0))[1])
    assert_close(jaxlite.jit(tangent)(x, w, n), np.array(both), rtol=1e-10)
    weights = jaxlite.vmap(jaxlite.grad(f, 1), (None, 0, None))
    assert_close(jaxlite.jit(weights)(x[0], w, 5), np.array(shared), rtol=1e-10)


@pytest.mark.parametrize(
    "f", [ragged, looked_up, loop_in_scan, loop_in_branch, loops_in_branches, checkpointed(2)]
)
def test_two_vmaps(f, rng):
    x, w, n = rng.uniform(-1.0, 1.5, (3, 36)), np.array([0.4, 0.6, 0.8]), rng.integers(0, 6, (3, 36))
    slope = jaxlite.grad(f, (0, 1))
    with jaxlite.disable_jit():
        rows = [[slope(a, b, int(k)) for a, k in zip(*r, strict=True)] for r, b in zip(zip(x, n), w)]  # noqa: B905
    expected = np.array(rows)
    inner_first = jaxlite.vmap(jaxlite.vmap(slope, (0, None, 0)))(x, w, n)
    outer_first = jaxlite.jit(jaxlite.vmap(jaxlite.vmap(slope), (1, None, 1), 1))(x, w, n)
    for got in (inner_first, outer_first):
        assert_close(np.stack(got, -1), expected, rtol=1e-10)


@pytest.mark.parametrize("f", one_in(3, PROGRAMS), ids=lambda f: f.__name__)
def test_without_jit(f, rng):
    x, w, n = elements(rng, 3)
    expected = one_by_one(jaxlite.grad(f), x, w, n)
    with jaxlite.disable_jit():
        assert_close(jaxlite.vmap(f, (0, None, 0))(x, w, n), one_by_one(f, x, w, n), rtol=1e-11)
        assert_close(jaxlite.vmap(jaxlite.grad(f), (0, None, 0))(x, w, n), expected, rtol=1e-11)


# --- random programs ----------------------------------------------------------------------------------


def random_program(rng, depth: int):
    """Return ``(x, w, n) -> y``, of loops whose lengths and branches whose choice depend on x and n."""
    a, b = rng.uniform(0.4, 0.9), int(rng.integers(1, 5))
    if depth == 0:
        return [
            lambda x, w, n: jnp.sin(x + a) * w,
            lambda x, w, n: x * a + jnp.cos(w * x),
            lambda x, w, n: jnp.sum(jnp.tanh(x * jnp.asarray(np.linspace(a, 1.0, 9)) + w)) * 0.2,
            lambda x, w, n: jnp.sqrt(x * x + a) - w,
        ][rng.integers(4)]
    inner, other, third = (random_program(rng, depth - 1) for _ in range(3))
    table = np.linspace(0.5, 1.0, 9)

    def loop(x, w, n):
        step = lambda c: (c[0] + 1, inner(c[1], w, n + c[0]))  # noqa: E731
        return lax.while_loop(lambda c: c[0] < (n + b) % 5, step, (0, x))[1]

    def loop_until(x, w, n):
        step = lambda c: (c[0] + 1, 0.8 * jnp.sin(inner(c[1], w, n)), c[2])  # noqa: E731
        goes_on = lambda c: (c[0] < 6) & (jnp.abs(c[1]) < a + 0.1 * c[2])  # noqa: E731
        return lax.while_loop(goes_on, step, (0, x, n))[1]

    def equal_loops(x, w, n):
        return lax.scan(lambda c, t: (inner(c, w * t, n), c * t), x, jnp.asarray(table[: b % 3 + 1]))[0]

    def scan_with_results(x, w, n):
        c, ys = lax.scan(lambda c, t: (other(c, w, n) * t, inner(c, w, n)), x, jnp.asarray(table[:2]))
        return c + jnp.sum(ys)

    def branch(x, w, n):
        return lax.cond(x > a - 0.5, lambda x: inner(x, w, n), lambda x: other(x, w, n + 1), x)

    def branches(x, w, n):
        cases = [lambda x: inner(x, w, n), lambda x: w * x, lambda x: third(x, w, n)]
        return lax.switch((n + b) % 3, cases, x)

    def reads(x, w, n):
        step = lambda c: (c[0] + 1, inner(c[1], w, n) * jnp.asarray(table)[c[0]])  # noqa: E731
        return lax.while_loop(lambda c: c[0] < n % 4, step, (0, x))[1]

    def remembered(x, w, n):
        step = lambda c: (c[0] + 1, inner(c[1], w, n))  # noqa: E731
        return lax.while_loop(lambda c: c[0] < n % 4, step, (0, x), checkpoint=2)[1]

    def both(x, w, n):
        return inner(x, w, n) + 0.5 * other(x, w, n)

    kinds = [loop, loop_until, equal_loops, scan_with_results, branch, branches, reads, remembered, both]
    return kinds[rng.integers(len(kinds))]


def compare_with_one_by_one(seed: int, depth: int):
    rng = np.random.default_rng(seed)
    f = random_program(rng, depth)
    size = int(rng.choice([1, 3, 37]))
    x, w, n = elements(rng, size)
    expected, slopes = one_by_one(f, x, w, n), one_by_one(jaxlite.grad(f), x, w, n)
    value, slope = jaxlite.jit(jaxlite.vmap(jaxlite.value_and_grad(f), (0, None, 0)))(x, w, n)
    assert_close(value, expected, rtol=1e-9, atol=1e-11)
    assert_close(slope, slopes, rtol=1e-9, atol=1e-11)
    mapped = jaxlite.vmap(f, (0, None, 0))
    assert_close(
        jaxlite.jit(jaxlite.grad(lambda x: jnp.sum(mapped(x, w, n))))(x), slopes, rtol=1e-9, atol=1e-11
    )
    if depth < 3:
        x_dot = rng.normal(size=size)

        def curvature(a, d, k):
            return jaxlite.jvp(lambda v: jaxlite.grad(f)(v, w, k), (a,), (d,))[1]

        with jaxlite.disable_jit():
            curved = [curvature(a, d, int(k)) for a, d, k in zip(x, x_dot, n, strict=True)]
        product = jaxlite.vmap(lambda a, d, k: jaxlite.grad(lambda v: jaxlite.grad(f)(v, w, k) * d)(a))
        assert_close(jaxlite.jit(product)(x, x_dot, n), np.array(curved), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("number", one_in(3, range(24)))
def test_random_programs(number, request):
    compare_with_one_by_one(1000 * request.config.getoption("--seed") + number, 2)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(60))
def test_random_programs_of_depth_3(number, request):
    compare_with_one_by_one(1000 * request.config.getoption("--seed") + number, 3)


# --- how many steps are run ---------------------------------------------------------------------------


def test_a_long_element_keeps_its_own_group_waiting(rng):
    """Steps run are counted by a callback: the sum over groups of 32, not the longest for all."""
    calls = 0

    def count(v):
        nonlocal calls
        calls += 1
        return v

    @jaxlite.custom_jvp
    def counted(v):
        return jaxlite.pure_callback(
            count, jaxlite.ShapeDtypeStruct((), np.float64), v, vmap_method="expand_dims"
        )

    counted.defjvp(lambda p, t: (counted(p[0]), t[0]))

    def f(x, n):
        return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, jnp.sin(counted(c[1]))), (0, x))[1]

    x, n = rng.normal(size=128), np.full(128, 3)
    n[70] = 500
    slopes = jaxlite.jit(jaxlite.vmap(jaxlite.grad(f)))
    slopes(x, n)
    calls = 0
    slopes(x, n)
    assert calls == 3 * 3 + 500


def test_elements_with_tables_go_alone(rng):
    program = jaxlite.make_jaxpr(jaxlite.vmap(looked_up, (0, None, 0)))(*elements(rng, 8))
    (loop,) = (e for e in program.eqns if e.primitive.name == "scan")
    assert loop.params["length"] == 8


# --- indices out of range -----------------------------------------------------------------------------

TABLE = np.arange(1.0, 6.0)


def while_reads(x, k):
    return lax.while_loop(lambda c: c[0] < k, lambda c: (c[0] + 1, c[1] * jnp.asarray(TABLE)[c[0]]), (0, x))[
        1
    ]


def while_writes(x, k):
    step = lambda c: (c[0] + 1, c[1].at[c[0]].multiply(x))  # noqa: E731
    return jnp.sum(lax.while_loop(lambda c: c[0] < k, step, (0, jnp.asarray(TABLE)))[1])


def equal_loops_read(x, k):
    return lax.fori_loop(0, 2, lambda i, v: v * jnp.asarray(TABLE)[i + k - 2], x)


def scan_reads(x, k):
    return lax.scan(lambda v, i: (v * jnp.asarray(TABLE)[i + k - 2], None), x, jnp.arange(2))[0]


def branch_reads(x, k):
    return lax.cond(x > 0.0, lambda: x * jnp.asarray(TABLE)[k - 1], lambda: x)


def branch_in_loop_reads(x, k):
    def step(c):
        return c[0] + 1, c[1] * lax.cond(c[1] > 0.0, lambda: jnp.asarray(TABLE)[c[0]], lambda: 1.0)

    return lax.while_loop(lambda c: c[0] < k, step, (0, x))[1]


READERS = [while_reads, while_writes, equal_loops_read, scan_reads, branch_reads, branch_in_loop_reads]


@pytest.mark.parametrize("size", [2, 40])
@pytest.mark.parametrize("f", READERS, ids=lambda f: f.__name__)
def test_an_index_out_of_range_in_a_loop_of_one_element(f, size):
    x, k = np.full(size, 1.5), np.full(size, 3)
    for program in (jaxlite.vmap(f), jaxlite.vmap(jaxlite.grad(f)), jaxlite.vmap(jaxlite.value_and_grad(f))):
        for wrap in (lambda f: f, jaxlite.jit):
            k[-1] = 5
            wrap(program)(x, k)
            k[-1] = 7
            with pytest.raises(JAXIndexError, match=r"test_lanes\.py:.*TABLE|test_lanes\.py:.*multiply"):
                wrap(program)(x, k)


def test_an_index_out_of_range_where_an_element_is_done():
    """The first element has come to the end of the table, and waits; what is beyond is nobody's."""
    x, k = np.array([1.0, -1.0]), np.array([5, 2])
    expected = np.array([np.prod(TABLE), 2.0])
    assert_close(jaxlite.jit(jaxlite.vmap(jaxlite.grad(while_reads)))(x, k), expected)
    untaken = jaxlite.vmap(jaxlite.grad(branch_reads))(np.array([1.0, -1.0]), np.array([5, 700]))
    assert_close(untaken, np.array([5.0, 1.0]))


# --- branches that were not taken ---------------------------------------------------------------------


def singular(x):
    return lax.cond(x > 0.0, jnp.log, lambda x: 0.0 * x, x)


def singular_and_dear(x):
    return jnp.sum(
        lax.cond(x > 0.0, lambda v: jnp.tanh(np.eye(9) @ jnp.log(v)), lambda v: 0.0 * v, x * jnp.ones(9))
    )


def singular_loop(x):
    halves = lambda x: lax.while_loop(lambda v: v < 1.0, lambda v: 2.0 * v, x)  # noqa: E731
    return lax.cond(x > 0.0, lambda x: jnp.sqrt(halves(x)), lambda x: 3.0 * x, x)


def singular_switch(x):
    chain = lambda x: jnp.log(jnp.sqrt(jnp.log(x) ** 2))  # noqa: E731
    index = jnp.searchsorted(jnp.asarray([0.0, 1.0, 2.0]), x)
    return lax.switch(index, [lambda x: x, jnp.sqrt, chain, lambda x: 1.0 / x], x)


@pytest.mark.parametrize("f", [singular, singular_and_dear, singular_loop, singular_switch])
def test_a_singular_branch_that_is_not_taken(f):
    x = np.array([-1.0, 0.0, 0.25, 1.5, -0.0, 2.5])
    expected = one_by_one(lambda x, w, n: jaxlite.grad(f)(x), x, None, np.zeros(6))
    second = one_by_one(lambda x, w, n: jaxlite.grad(jaxlite.grad(f))(x), x, None, np.zeros(6))
    assert np.isfinite(expected).all()
    for wrap in (lambda f: f, jaxlite.jit):
        assert_close(wrap(jaxlite.vmap(jaxlite.grad(f)))(x), expected)
        assert_close(wrap(jaxlite.grad(lambda x: jnp.sum(jaxlite.vmap(f)(x))))(x), expected)
        assert_close(wrap(jaxlite.vmap(lambda x: jaxlite.jvp(f, (x,), (1.0,))[1]))(x), expected)
        assert_close(wrap(jaxlite.vmap(jaxlite.grad(jaxlite.grad(f))))(x), second, rtol=1e-10)


@pytest.mark.parametrize(("branches", "alone"), [(2, False), (8, True)])
def test_few_short_branches_are_chosen_from_and_many_dear_ones_are_taken(branches, alone):
    funs = [lambda x, k=k: sum(jnp.sin((k + j) * x) for j in range(9)) for k in range(branches)]
    program = jaxlite.make_jaxpr(jaxlite.vmap(lambda i, x: lax.switch(i, funs, x)))(np.arange(4), np.ones(4))
    names = {e.primitive.name for e in program.eqns}
    assert ("scan" in names, "select_n" in names) == (alone, not alone)


def test_elements_that_meet_in_a_branch_run_all_branches(rng):
    x = rng.normal(size=6)

    def f(x):
        return lax.cond(x > 0.0, lambda x: x - lax.psum(x, "i"), lambda x: x, x)

    expected = np.where(x > 0.0, x - np.sum(x), x)
    assert_close(jaxlite.vmap(f, axis_name="i")(x), expected)


def drained(x, p):
    """Counts until the level passes zero, where the slope of its root is infinite."""
    return lax.while_loop(
        lambda c: c[0] > 0,
        lambda c: (c[0] - p * jnp.sqrt(c[0]) - 0.1, c[1] + jnp.sqrt(c[0])),
        (x, 0.0),
    )[1]


@pytest.mark.parametrize(
    "body", [lambda c: c + jnp.sqrt(c), lambda c: c + 1 / c, lambda c: c + 1 + jnp.log(c) ** 2]
)
def test_elements_that_are_done_lend_no_slope(body):
    x = np.array([-1.0, 0.0, 4.0, 1e-3, 20.0])

    def f(x):
        return lax.while_loop(lambda c: (c > 0) & (c < 10.0), body, x)

    expected = np.array([jaxlite.grad(f)(a) for a in x])
    for wrap in (lambda f: f, jaxlite.jit):
        total = wrap(jaxlite.grad(lambda x: jnp.sum(jaxlite.vmap(f)(x))))
        assert_close(total(x), expected, rtol=1e-12)
        assert_close(wrap(jaxlite.vmap(jaxlite.grad(f)))(x), expected, rtol=1e-12)
        twice = wrap(jaxlite.grad(lambda x: jnp.sum(jaxlite.vmap(jaxlite.vmap(f))(x))))
        assert_close(twice(np.stack([x, x[::-1]])), np.stack([expected, expected[::-1]]), rtol=1e-12)


def test_a_shared_parameter_of_elements_that_end_apart():
    x = np.array([1.0, 3.0, 7.5, -2.0])

    def mean(p):
        return jnp.mean(jaxlite.vmap(drained, (0, None))(x, p))

    slopes = [[jaxlite.grad(drained, 1)(a, 0.5), jaxlite.hessian(drained, 1)(a, 0.5)] for a in x]
    slope, curvature = np.mean(slopes, axis=0)
    for wrap in (lambda f: f, jaxlite.jit, jaxlite.checkpoint):
        np.testing.assert_allclose(jaxlite.grad(wrap(mean))(0.5), slope, rtol=1e-12)
        np.testing.assert_allclose(jaxlite.hessian(wrap(mean))(0.5), curvature, rtol=1e-10)
