"""Loops that are timed: simulations, filters, recurrent networks. One source for jaxlite and JAX.

Rows are registered as in `rows`; `Lib.lax` has `scan` and `while_loop`. What JAX cannot take the gradient of (loops of
unknown length) is timed by its tangents; gradients "of each element" of a vmap, by one input, beside JAX's tangents.
"""

from __future__ import annotations

import functools
import importlib

import numpy as np

from benchmarks.rows import Row, registering

LOOP_ROWS: list[Row] = []
row = functools.partial(registering, LOOP_ROWS)


# --- ordinary differential equations ----------------------------------------------------------------


def runge_kutta(f, s, dt):
    k1 = f(s)
    k2 = f([x + 0.5 * dt * k for x, k in zip(s, k1, strict=True)])
    k3 = f([x + 0.5 * dt * k for x, k in zip(s, k2, strict=True)])
    k4 = f([x + dt * k for x, k in zip(s, k3, strict=True)])
    return [
        x + dt / 6.0 * (a + 2.0 * b + 2.0 * c + d) for x, a, b, c, d in zip(s, k1, k2, k3, k4, strict=True)
    ]


@row("Hodgkin-Huxley RK4", 1000, 10000)
def hodgkin_huxley(lib, rng, steps):
    xp, lax = lib.np, lib.lax

    def rates(g, s):
        v, m, h, n = s
        am, bm = 0.1 * (v + 40.0) / (1.0 - xp.exp(-(v + 40.0) / 10.0)), 4.0 * xp.exp(-(v + 65.0) / 18.0)
        ah, bh = 0.07 * xp.exp(-(v + 65.0) / 20.0), 1.0 / (1.0 + xp.exp(-(v + 35.0) / 10.0))
        an, bn = 0.01 * (v + 55.0) / (1.0 - xp.exp(-(v + 55.0) / 10.0)), 0.125 * xp.exp(-(v + 65.0) / 80.0)
        current = g[0] * m**3 * h * (v - 50.0) + g[1] * n**4 * (v + 77.0) + g[2] * (v + 54.387)
        return [10.0 - current, am * (1.0 - m) - bm * m, ah * (1.0 - h) - bh * h, an * (1.0 - n) - bn * n]

    def loss(g):
        def step(s, _):
            s = runge_kutta(functools.partial(rates, g), s, 0.01)
            return s, s[0]

        _, v = lax.scan(step, [-64.9, 0.05, 0.6, 0.32], None, length=steps)
        return xp.mean((v + 60.0) ** 2)

    return loss, (np.array([120.0, 36.0, 0.3]),)


@row("Lotka-Volterra Euler", 10**4)
def lotka_volterra(lib, rng, steps):
    lax = lib.lax

    def loss(p):
        def step(s, _):
            x, y = s
            return (
                x + 1e-3 * (p[0] * x - p[1] * x * y),
                y + 1e-3 * (p[2] * x * y - p[3] * y),
            ), None

        (x, y), _ = lax.scan(step, (1.0, 1.0), None, length=steps)
        return x * x + y

    return loss, (np.array([1.5, 1.0, 1.0, 3.0]),)


@row("Lorenz RK4", 1000)
def lorenz(lib, rng, steps):
    lax = lib.lax

    def loss(p):
        def f(s):
            x, y, z = s
            return [p[0] * (y - x), x * (p[1] - z) - y, x * y - p[2] * z]

        def step(s, _):
            s = runge_kutta(f, s, 0.002)
            return s, s[0] * s[1]

        _, out = lax.scan(step, [1.0, 1.0, 1.0], None, length=steps)
        return lib.np.mean(out)

    return loss, (np.array([10.0, 28.0, 8.0 / 3.0]),)


@row("five bodies leapfrog", 1000)
def five_bodies(lib, rng, steps):
    xp, lax = lib.np, lib.lax
    mass = rng.uniform(0.5, 1.5, 5)

    def acceleration(x):
        d = x[None, :, :] - x[:, None, :]
        r2 = xp.sum(d * d, -1) + 0.05
        return xp.sum(mass[None, :, None] * d * (r2**-1.5)[:, :, None], 1)

    def loss(x, v):
        def step(s, _):
            x, v = s
            v = v + 0.5e-3 * acceleration(x)
            x = x + 1e-3 * v
            return (x, v + 0.5e-3 * acceleration(x)), None

        (x, v), _ = lax.scan(step, (x, v), None, length=steps)
        return xp.sum(x * x) + xp.sum(v * v)

    return loss, (rng.normal(size=(5, 3)), 0.1 * rng.normal(size=(5, 3)))


@row("logistic map", 10**5)
def logistic_map(lib, rng, steps):
    def loss(r):
        return lib.lax.fori_loop(0, steps, lambda i, x: r * x * (1.0 - x), 0.3)

    return loss, (np.float64(2.9),)


@row("heat stencil, 100 steps", 64, 256)
def heat(lib, rng, n):
    xp, lax = lib.np, lib.lax

    def loss(u):
        def step(u, _):
            around = xp.roll(u, 1, 0) + xp.roll(u, -1, 0) + xp.roll(u, 1, 1) + xp.roll(u, -1, 1)
            return u + 0.1 * (around - 4.0 * u), None

        return xp.sum(lax.scan(step, u, None, length=100)[0] ** 4)

    return loss, (rng.normal(size=(n, n)),)


def adaptive(lib):
    """Return the adaptive ``odeint`` of a library."""
    return importlib.import_module(f"{lib.name.lower()}.experimental.ode").odeint


# The sweeps back choose their steps in their own ways: gradients are as far apart as the errors of the steps allow.
@row("adaptive ODE, Lotka-Volterra", 20, tolerance=1e-5)
def adaptive_lotka_volterra(lib, rng, points):
    odeint, times = adaptive(lib), lib.np.linspace(0.0, 10.0, points)

    def rates(s, t, p):
        x, y = s
        return p[0] * x - p[1] * x * y, p[2] * x * y - p[3] * y

    def loss(p):
        x, y = odeint(rates, (1.0, 1.0), times, p, rtol=1e-6, atol=1e-6)
        return lib.np.mean(x * x) + y[-1]

    return loss, (np.array([1.5, 1.0, 1.0, 3.0]),)


@row("adaptive ODE, van der Pol", 30, tolerance=1e-5)
def adaptive_van_der_pol(lib, rng, stiffness):
    odeint, times = adaptive(lib), lib.np.linspace(0.0, 20.0, 11)

    def rates(s, t, mu):
        x, v = s
        return v, mu * (1.0 - x * x) * v - x

    def loss(mu):
        # To 1e-10, as the adjoint equation of a stiff one is unstable the other way.
        x, _ = odeint(rates, (2.0, 0.0), times, mu, rtol=1e-10, atol=1e-10)
        return lib.np.mean(x * x)

    return loss, (np.float64(0.1 * stiffness),)


def long_ode(checkpoint, lib, rng, steps):
    """Ten states, Runge-Kutta of order 4; JAX keeps few carries by a scan of scans under `jax.checkpoint`."""
    xp, lax = lib.np, lib.lax

    def rates(p, s):
        return xp.tanh(p * s) - s + 0.1 * xp.roll(s, 1)

    def step(p, s):
        k1 = rates(p, s)
        k2 = rates(p, s + 5e-4 * k1)
        k3 = rates(p, s + 5e-4 * k2)
        return s + 1e-3 / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + rates(p, s + 1e-3 * k3))

    def loop(p, s, length, **options):
        return lax.scan(lambda s, _: (step(p, s), None), s, None, length=length, **options)[0]

    def loss(p):
        start = xp.linspace(0.1, 1.0, 10)
        if checkpoint is None or lib.name == "jaxlite":
            options = {} if checkpoint is None else {"checkpoint": checkpoint}
            return xp.sum(loop(p, start, steps, **options) ** 2)
        segment = importlib.import_module("jax").checkpoint(lambda p, s: loop(p, s, round(steps**0.5)))
        count = steps // round(steps**0.5)
        return xp.sum(lax.scan(lambda s, _: (segment(p, s), None), start, None, length=count)[0] ** 2)

    return loss, (np.linspace(0.5, 1.5, 10),)


row("ten states RK4, all stored", 10**4)(functools.partial(long_ode, None))
row("ten states RK4, √n stored", 10**4, 10**6)(functools.partial(long_ode, "sqrt"))


# --- statistics -------------------------------------------------------------------------------------


@row("60 scalar carries", 614)
def scalar_carries(lib, rng, steps):
    xp, lax = lib.np, lib.lax

    def loss(p):
        def step(s, _):
            out = []
            for i in range(60):
                left, right = s[i - 1], s[(i + 1) % 60]
                out.append(0.9 * s[i] + 0.05 * p[i % 4] * xp.tanh(left) * right + 0.01 * p[(i + 1) % 4])
            return tuple(out), None

        out, _ = lax.scan(step, tuple(0.01 * i for i in range(60)), None, length=steps)
        return sum(x * x for x in out)

    return loss, (np.array([0.5, 0.3, 0.2, 0.1]),)


@row("Kalman filter 4/2", 500)
def kalman(lib, rng, steps):
    xp, lax = lib.np, lib.lax
    a = np.eye(4) + 0.1 * np.eye(4, k=2)
    h = np.eye(2, 4)
    observed = rng.normal(size=(steps, 2)).cumsum(0)

    def loss(p):
        q, r = xp.exp(p[0]) * np.eye(4), xp.exp(p[1]) * np.eye(2)

        def step(s, y):
            m, cov, ll = s
            m, cov = a @ m, a @ cov @ a.T + q
            v, inn = y - h @ m, h @ cov @ h.T + r
            gain = xp.linalg.solve(inn, h @ cov).T
            ll = ll - 0.5 * (v @ xp.linalg.solve(inn, v) + xp.linalg.slogdet(inn)[1])
            return (m + gain @ v, cov - gain @ inn @ gain.T, ll), None

        return -lax.scan(step, (np.zeros(4), np.eye(4), 0.0), observed)[0][2]

    return loss, (np.array([-2.0, 0.1]),)


@row("HMM forward, 5 states", 1000)
def hidden_markov(lib, rng, steps):
    xp, lax = lib.np, lib.lax
    observed = rng.integers(0, 3, steps)

    def logsumexp(x, axis):
        top = xp.max(x, axis, keepdims=True)
        return xp.squeeze(top, axis) + xp.log(xp.sum(xp.exp(x - top), axis))

    def loss(transition, emission):
        t = transition - logsumexp(transition, 1)[:, None]
        e = emission - logsumexp(emission, 1)[:, None]

        def step(alpha, o):
            return logsumexp(alpha[:, None] + t, 0) + e[:, o], None

        alpha, _ = lax.scan(step, np.full(5, -np.log(5.0)), observed)
        return -logsumexp(alpha, 0)

    return loss, (rng.normal(size=(5, 5)), rng.normal(size=(5, 3)))


@row("particle filter, 100 particles", 200)
def particle_filter(lib, rng, steps):
    xp, lax = lib.np, lib.lax
    observed = np.sin(0.1 * np.arange(steps)) + 0.3 * rng.normal(size=steps)
    noise, starts = rng.normal(size=(steps, 100)), rng.uniform(size=steps)

    def loss(p):
        def step(s, inputs):
            x, ll = s
            y, w, u = inputs
            x = p[0] * x + xp.exp(p[1]) * w
            logw = -0.5 * ((y - x) / 0.3) ** 2
            top = xp.max(logw)
            weights = xp.exp(logw - top)
            total = xp.sum(weights)
            places = (np.arange(100) + u) / 100.0
            chosen = xp.minimum(xp.searchsorted(xp.cumsum(weights / total), places), 99)
            return (x[chosen], ll + top + xp.log(total / 100.0)), None

        return -lax.scan(step, (np.zeros(100), 0.0), (observed, noise, starts))[0][1]

    return loss, (np.array([0.95, -1.5]),)


@row("HMC chain, 10 parameters", 1000)
def hamiltonian(lib, rng, steps):
    xp, lax = lib.np, lib.lax
    x, y = rng.normal(size=(100, 10)), rng.integers(0, 2, 100) * 2.0 - 1.0

    def energy(q):
        return xp.sum(xp.logaddexp(0.0, -y * (x @ q))) + 0.5 * xp.sum(q * q)

    def loss(q, p):
        def step(s, _):
            q, p = s
            p = p - 0.005 * lib.grad(energy)(q)
            q = q + 0.01 * p
            return (q, p - 0.005 * lib.grad(energy)(q)), None

        (q, p), _ = lax.scan(step, (q, p), None, length=steps)
        return energy(q) + 0.5 * xp.sum(p * p)

    return loss, (0.1 * rng.normal(size=10), rng.normal(size=10))


# --- networks ---------------------------------------------------------------------------------------


@row("tanh RNN of 500 steps", 32, 128)
def recurrent(lib, rng, width):
    xp, lax = lib.np, lib.lax
    inputs = rng.normal(size=(500, 8))

    def loss(w, u, b):
        def step(h, x):
            h = xp.tanh(w @ h + u @ x + b)
            return h, h[0]

        _, out = lax.scan(step, np.zeros(width), inputs)
        return xp.sum(out * out)

    scale = 0.9 / np.sqrt(width)
    return loss, (scale * rng.normal(size=(width, width)), rng.normal(size=(width, 8)), np.zeros(width))


@row("LSTM of 200 steps", 32)
def lstm(lib, rng, width):
    xp, lax = lib.np, lib.lax
    inputs = rng.normal(size=(200, 8))

    def sigmoid(x):
        return 1.0 / (1.0 + xp.exp(-x))

    def loss(w, u, b):
        def step(s, x):
            h, c = s
            i, f, g, o = xp.split(w @ h + u @ x + b, 4)
            c = sigmoid(f) * c + sigmoid(i) * xp.tanh(g)
            h = sigmoid(o) * xp.tanh(c)
            return (h, c), h[0]

        _, out = lax.scan(step, (np.zeros(width), np.zeros(width)), inputs)
        return xp.sum(out * out)

    scale = 0.9 / np.sqrt(width)
    return loss, (
        scale * rng.normal(size=(4 * width, width)),
        rng.normal(size=(4 * width, 8)),
        np.zeros(4 * width),
    )


# --- many loops at once -----------------------------------------------------------------------------


@row("Kepler by Newton, 20 steps", 1000)
def kepler(lib, rng, n):
    xp, lax = lib.np, lib.lax

    def anomaly(m, e):
        def step(x, _):
            return x - (x - e * xp.sin(x) - m) / (1.0 - e * xp.cos(x)), None

        return lax.scan(step, m, None, length=20)[0]

    def loss(m, e):
        return xp.sum(lib.vmap(anomaly)(m, e) ** 2)

    return loss, (rng.uniform(0.1, 6.0, n), rng.uniform(0.0, 0.6, n))


@row("ragged while, 256 lanes", 1000, derivative="tangent")
def ragged(lib, rng, most):
    xp, lax = lib.np, lib.lax
    trips = rng.integers(1, most + 1, 256)

    def decay(x, n):
        return lax.while_loop(
            lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] * 0.999 + 0.001 * xp.sin(s[1])), (0, x)
        )[1]

    def loss(x):
        return xp.sum(lib.vmap(decay)(x, trips))

    return loss, (rng.normal(size=256),)


def slow_sine(lib, x, n):
    return lib.lax.while_loop(
        lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] * 0.999 + 0.001 * lib.np.sin(s[1])), (0, x)
    )[1]


@row("gradient of a ragged while, 256 lanes", 1000, derivative="of each element")
def ragged_gradients(lib, rng, most):
    return functools.partial(slow_sine, lib), (rng.normal(size=256), rng.integers(1, most + 1, 256))


@row("gradient of a while, one of 1,000 lanes long", 1000, derivative="of each element")
def one_long_gradient(lib, rng, most):
    trips = np.full(1000, 10)
    trips[500] = most
    return functools.partial(slow_sine, lib), (rng.normal(size=1000), trips)


@row("gradient where one in 20 lanes iterates", 1000, derivative="of each element")
def seldom_iterated(lib, rng, lanes):
    """Kepler's equation: a series where the orbit is nearly a circle, else Newton's iterations until they settle."""
    xp, lax = lib.np, lib.lax

    def iterated(m, e):
        def better(s):
            x, _ = s
            step = (x - e * xp.sin(x) - m) / (1.0 - e * xp.cos(x))
            return x - step, xp.abs(step)

        # One more step than the tolerance asks for, so that the derivative has settled as well.
        return better(lax.while_loop(lambda s: s[1] > 1e-13, better, (m, 1.0)))[0]

    def series(m, e):
        return m + e * xp.sin(m) + 0.5 * e * e * xp.sin(2.0 * m)

    def anomaly(m, e):
        return lax.cond(e > 0.05, iterated, series, m, e)

    eccentric = np.where(np.arange(lanes) % 20 == 0, rng.uniform(0.2, 0.7, lanes), 0.01)
    return anomaly, (rng.uniform(0.1, 6.0, lanes), eccentric)


@row("eight laws of force, one a lane", 1000)
def laws_of_force(lib, rng, lanes):
    xp, lax = lib.np, lib.lax

    def motion(power):
        def run(x):
            def step(s, _):
                x, v = s
                v = v - 0.01 * x * xp.sum(x * x) ** power
                return (x + 0.01 * v, v), None

            return lax.scan(step, (x, 0.0 * x), None, length=50)[0][0]

        return run

    motions = [motion(0.5 * k - 1.5) for k in range(8)]
    law = rng.integers(0, 8, lanes)

    def loss(x):
        return xp.sum(lib.vmap(lambda k, x: lax.switch(k, motions, x))(law, x) ** 2)

    return loss, (rng.uniform(0.5, 1.0, (lanes, 3)),)
