"""``python -m jaxlite``: a first tour, which fits a logistic regression to real data. Layer 7.

The model is a plain NumPy function. The tour shows the program that jaxlite records of it, differentiates that
program, checks the derivatives against finite differences and against formulas derived by hand, fits the model
by Newton's method, and compares accuracy and times with the same fit written in NumPy alone::

       iteration       loss   gradient norm
               0   0.693147         1.3e+00
               1   0.253880         3.6e-01
"""

from __future__ import annotations

import argparse
import inspect
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

import jaxlite
from jaxlite import grad, hessian, jit, make_jaxpr, vmap
from jaxlite.datasets import Dataset, breast_cancer
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.parsing import parse_jaxpr

__all__ = ["main"]

RIDGE = 1e-3


def loss(w, X, y):
    z = X @ w
    return np.mean(np.logaddexp(0.0, z) - y * z) + 0.5 * RIDGE * np.sum(w**2)


# --- the same derivatives by hand -------------------------------------------------------------------


def sigmoid(z):
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def gradient_by_hand(w, X, y):
    return X.T @ (sigmoid(X @ w) - y) / len(y) + RIDGE * w


def hessian_by_hand(w, X, y):
    p = sigmoid(X @ w)
    return (X.T * (p * (1.0 - p))) @ X / len(y) + RIDGE * np.eye(len(w))


# --- data and fit -----------------------------------------------------------------------------------


class Split(NamedTuple):
    """Rows to fit and rows held back; the first feature is the constant 1."""

    X: np.ndarray  # f64[n, d]
    y: np.ndarray  # f64[n]
    X_test: np.ndarray  # f64[m, d]
    y_test: np.ndarray  # f64[m]


def split(data: Dataset, seed: int = 0) -> Split:
    """Shuffle the rows, hold a quarter of them back, and standardise the features."""
    order = np.random.default_rng(seed).permutation(len(data.labels))
    test, train = np.split(order, [len(order) // 4])
    # Measured on the rows to fit only: the test must not leak into the model.
    mean, deviation = data.features[train].mean(axis=0), data.features[train].std(axis=0)
    standard = (data.features - mean) / deviation
    X = np.column_stack([np.ones(len(standard)), standard])
    return Split(X[train], data.labels[train], X[test], data.labels[test])


class Step(NamedTuple):
    """One row of Newton's table."""

    loss: float
    gradient_norm: float


def newton(value: Callable, gradient: Callable, curvature: Callable, X, y) -> tuple[np.ndarray, list[Step]]:
    """Minimise by Newton's method from w = 0; return the minimum and the way there."""
    w, steps = np.zeros(X.shape[1]), []
    for _ in range(25):
        g = gradient(w, X, y)
        steps.append(Step(float(value(w, X, y)), float(np.linalg.norm(g))))
        if converged(steps):
            break
        w = w - np.linalg.solve(curvature(w, X, y), g)
    return w, steps


def converged(steps: Sequence[Step]) -> bool:
    return steps[-1].gradient_norm < 1e-12


def accuracy(w, X, y) -> float:
    return float(np.mean((X @ w > 0) == (y == 1)))


def central_differences(f: Callable, w: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Approximate the gradient of ``f`` at ``w``; every shifted copy of ``w`` goes through one vmap."""
    shifts = step * np.eye(len(w))
    return (vmap(f)(w + shifts) - vmap(f)(w - shifts)) / (2 * step)


def seconds(f: Callable, *args, repeats: int = 20) -> float:
    """Return the shortest time of several calls, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        f(*args)
        times.append(time.perf_counter() - start)
    return min(times)


# --- the tour ---------------------------------------------------------------------------------------


def say(text: str) -> None:
    print(textwrap.fill(" ".join(text.split()), 88))


def show(text: str) -> None:
    print(f"\n{textwrap.indent(text.rstrip(), '    ')}\n")


def heading(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def max_error(a, b) -> float:
    return float(np.max(np.abs(a - b)))


def show_data(data: Dataset) -> Split:
    parts = split(data)
    heading("1. The data")
    say(
        f"""Breast Cancer Wisconsin (Diagnostic): {len(data.labels)} breast masses, {len(data.feature_names)}
        measures of the cell nuclei of each; {int(data.labels.sum())} are benign (y = 1), the rest malignant
        (y = 0). The model is fitted to {len(parts.y)} of them, chosen by a fixed seed; {len(parts.y_test)} are
        held back to test it. Features are standardised, and a constant feature comes first."""
    )
    print()
    say(f"Source: {data.source}. Licence: {data.licence}.")
    return parts


def show_programs(w, X, y) -> None:
    heading("2. The model is a NumPy function")
    say("Logistic regression: the mean negative log-likelihood, and a small ridge term so that a minimum exists.")
    show(inspect.getsource(loss))
    say(
        """Called with arrays, it is NumPy. Called with tracers, it leaves a program behind, with a type on every
        line. This is make_jaxpr(loss)(w, X, y):"""
    )
    show(str(make_jaxpr(loss)(w, X, y)))

    heading("3. The gradient is a program too")
    say("A transformation turns a function into another function. This is make_jaxpr(grad(loss))(w, X, y):")
    program = make_jaxpr(grad(loss))(w, X, y)
    show(str(program))
    (replayed,) = eval_jaxpr(parse_jaxpr(str(program)), program.consts, w, X, y)
    same = np.array_equal(replayed, grad(loss)(w, X, y))
    say(
        f"""The text is the program: read back with parse_jaxpr and evaluated, it gives
        {"the same gradient, bit for bit" if same else "ANOTHER gradient"}."""
    )


def show_checks(w, X, y) -> bool:
    heading("4. Are the derivatives right?")
    say("At random weights, against finite differences and against the formulas from the textbook:")
    print()
    g = grad(loss)(w, X, y)
    rows = (
        ("gradient, central differences", max_error(g, central_differences(lambda w: loss(w, X, y), w)), 1e-8),
        ("gradient, X'(p - y)/n + ridge w", max_error(g, gradient_by_hand(w, X, y)), 1e-13),
        ("Hessian,  X' diag(p(1 - p)) X/n + ridge I", max_error(hessian(loss)(w, X, y), hessian_by_hand(w, X, y)), 1e-13),
    )
    print(f"    {'against':<44}{'largest error':>14}")
    for name, error, _ in rows:
        print(f"    {name:<44}{error:>14.1e}")
    return all(error <= bound for _, error, bound in rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tour.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments of the command line; those of the process by default. Only ``--help`` is known.

    Returns
    -------
    int
        0 if the derivatives agree and Newton's method converged, else 1.
    """
    argparse.ArgumentParser("python -m jaxlite", description=__doc__.splitlines()[0]).parse_args(argv)
    start = time.perf_counter()
    print(f"jaxlite {jaxlite.__version__}: a first tour")
    return 0


if __name__ == "__main__":
    sys.exit(main())
