"""``python -m jaxlite``: a first tour, which fits a logistic regression to real data; ``python -m jaxlite names``:
which of JAX's names are here. Layer 7.

The model is a plain NumPy function. The tour shows the program that jaxlite records of it, the one of its
gradient and the loops that it is compiled to, checks the derivatives against finite differences and against formulas
derived by hand, fits the model by Newton's method, and compares accuracy and times with the interpreter and with the
same fit written in NumPy alone::

    step        loss    gradient norm
       0    0.693147          1.4e+00
       1    0.253377          4.0e-01
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

import jaxlite
from jaxlite import grad, hessian, jit, make_jaxpr, names, vmap
from jaxlite.datasets import Dataset, breast_cancer
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.parsing import parse_jaxpr
from jaxlite.passes.pipeline import optimize

__all__ = ["main"]

RIDGE = 0.01


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


# --- data, fit, measurement -------------------------------------------------------------------------


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
    # Measured on the rows to fit alone: the test rows must not leak into the model.
    mean, deviation = data.features[train].mean(axis=0), data.features[train].std(axis=0)
    X = np.column_stack([np.ones(len(order)), (data.features - mean) / deviation])
    return Split(X[train], data.labels[train], X[test], data.labels[test])


class Step(NamedTuple):
    """What is known at one step of Newton's method."""

    loss: float
    gradient_norm: float


def newton(
    value: Callable, gradient: Callable, curvature: Callable, X: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, list[Step]]:
    """Minimise by Newton's method from w = 0; return the minimum and the steps on the way."""
    w, steps = np.zeros(X.shape[1]), []
    for _ in range(25):
        g = gradient(w, X, y)
        steps.append(Step(float(value(w, X, y)), float(np.linalg.norm(g))))
        if converged(steps):
            break
        w = w - np.linalg.solve(curvature(w, X, y), g)
    return w, steps


def converged(steps: Sequence[Step]) -> bool:
    return steps[-1].gradient_norm < 1e-10


def accuracy(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((X @ w > 0) == (y == 1)))


def central_differences(f: Callable, w: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Approximate the gradient of ``f`` at ``w``; one vmap evaluates ``f`` at all the shifted points."""
    shifts = step * np.eye(len(w))
    return (vmap(f)(w + shifts) - vmap(f)(w - shifts)) / (2 * step)


def max_error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.max(np.abs(a - b)))


def seconds(f: Callable, *args, repeats: int) -> float:
    """Return the shortest time that one of several calls took."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        f(*args)
        times.append(time.perf_counter() - start)
    return min(times)


# --- the tour ---------------------------------------------------------------------------------------


def heading(text: str) -> None:
    print(f"\n\n{text}\n{'-' * len(text)}\n")


def say(text: str) -> None:
    print(textwrap.fill(" ".join(text.split()), 88, break_on_hyphens=False))


def show(text: object) -> None:
    print(f"\n{textwrap.indent(str(text).rstrip(), '    ')}\n")


def show_data(data: Dataset, parts: Split) -> None:
    heading("1  The data")
    say(
        f"""Breast Cancer Wisconsin (Diagnostic): {len(data.labels)} breast masses,
        {len(data.feature_names)} measures of the cell nuclei of each. {int(data.labels.sum())} masses are
        benign (y = 1), the others malignant (y = 0). The model is fitted to {len(parts.y)} of them, chosen
        with a fixed seed; {len(parts.y_test)} are held back to test it. Features are standardised, and a
        column of ones is added."""
    )
    print()
    say(f"Source: {data.source}. Licence: {data.licence}.")


def show_programs(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> bool:
    """Show the programs of the loss and of its gradient; return whether the printed text runs."""
    heading("2  The model is a NumPy function")
    say(
        """Logistic regression: the mean negative log-likelihood, and a small ridge term so that there is
        always a minimum."""
    )
    show(inspect.getsource(loss))
    say(
        """Called with arrays, this is NumPy and nothing else. Called with tracers, it leaves a program
        behind, with a type on every line. make_jaxpr(loss)(w, X, y) is:"""
    )
    show(make_jaxpr(loss)(w, X, y))
    say(
        """What is no argument is fixed when the program is recorded: the number of rows and the ridge have
        become constants."""
    )

    heading("3  Its gradient is a program too")
    say(
        """grad turns the function into one that returns its gradient with respect to w, in one sweep
        forward and one backward. make_jaxpr(grad(loss))(w, X, y) shows both:"""
    )
    program = make_jaxpr(grad(loss))(w, X, y)
    show(program)
    say(
        """The sigmoid, which nobody wrote, is there as exp(z - logaddexp(0, z)), a form that does not
        overflow. Lines that only the loss needs are there as well."""
    )
    (replayed,) = eval_jaxpr(parse_jaxpr(str(program)), program.consts, w, X, y)
    runs = np.array_equal(replayed, grad(loss)(w, X, y))
    print()
    say(
        f"""The text is the program: read back by parse_jaxpr and evaluated, it gives
        {"the same gradient, bit for bit" if runs else "ANOTHER GRADIENT"}."""
    )
    return runs


def show_compilation(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> None:
    """Show what the compiler makes of the gradient."""
    heading("4  From the program to machine code")
    lowered = jit(grad(loss)).lower(w, X, y)
    say(
        """jit(grad(loss)) compiles that program. First, passes simplify it: constants are folded, duplicates
        merged, lines without use dropped."""
    )
    show(lowered.as_text("optimized"))
    say(
        """Then it becomes loops: a line of the program is computed where it is used, so that few arrays are
        left. This is the Python form of the loops, which runs as it stands; LLVM gets the same, and Numba's
        code generator makes machine code of it."""
    )
    show(lowered.as_text("loops").rstrip())
    say(
        """jit(f).lower(x).as_text() prints these stages of any function, and LLVM's text and the assembly."""
    )


def show_checks(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> bool:
    """Compare derivatives at ``w`` with other ways to get them; return whether they agree."""
    heading("5  Are the derivatives right?")
    say("At random weights, against finite differences and against the formulas of the textbook:")
    g, h = grad(loss)(w, X, y), hessian(loss)(w, X, y)
    differences = central_differences(lambda w: loss(w, X, y), w)
    g_error, h_error = max_error(g, gradient_by_hand(w, X, y)), max_error(h, hessian_by_hand(w, X, y))
    rows = (  # name, against, largest error, bound
        ("grad(loss)", "central differences, by vmap(loss)", max_error(g, differences), 1e-8),
        ("grad(loss)", "X'(p - y) / n + ridge w", g_error, 1e-12),
        ("hessian(loss)", "X' diag(p (1 - p)) X / n + ridge I", h_error, 1e-12),
    )
    print(f"\n    {'':<17}{'against':<38}{'largest error':>13}")
    for name, against, error, _ in rows:
        print(f"    {name:<17}{against:<38}{error:>13.1e}")
    return all(error <= bound for _, _, error, bound in rows)


def show_fit(steps: Sequence[Step]) -> None:
    heading("6  The fit")
    say(
        """Newton's method from w = 0, with jit(grad(loss)) and jit(hessian(loss)). Near the minimum the
        gradient norm is squared from step to step, as it should be when the derivatives are exact."""
    )
    print(f"\n    {'step':<6}{'loss':>14}{'gradient norm':>17}")
    for i, step in enumerate(steps):
        print(f"    {i:>4}  {step.loss:>14.10f}{step.gradient_norm:>17.1e}")
    print()
    say("Converged." if converged(steps) else f"NOT CONVERGED in {len(steps)} steps.")


def interpreted(f: Callable) -> Callable:
    """Record a function at its first call; NumPy evaluates the program line by line, after the passes."""
    programs: list = []

    def call(*args):
        if not programs:
            closed = make_jaxpr(f)(*args)
            programs.append((optimize(closed.jaxpr), closed.consts))
        jaxpr, consts = programs[0]
        return eval_jaxpr(jaxpr, consts, *args)[0]

    return call


def show_comparison(w: np.ndarray, derivatives: tuple[Callable, Callable, Callable], parts: Split) -> None:
    heading("7  Beside plain NumPy and the interpreter")
    by_hand = (loss, gradient_by_hand, hessian_by_hand)
    by_lines = tuple(interpreted(f) for f in (loss, grad(loss), hessian(loss)))
    X, y, X_test, y_test = parts
    w_by_hand, _ = newton(*by_hand, X, y)

    print(f"    {'':<26}{'compiled':>12}{'interpreted':>13}{'by hand':>12}")
    for name, rows, labels in (("accuracy, rows fitted", X, y), ("accuracy, rows held back", X_test, y_test)):
        found = f"{accuracy(w, rows, labels):>12.3f}"
        print(f"    {name:<26}{found}{'':>13}{accuracy(w_by_hand, rows, labels):>12.3f}")
    names = ("loss", "gradient", "Hessian")
    for name, *forms in zip(names, derivatives, by_lines, by_hand, strict=True):
        t, t_lines, t_hand = (1e3 * seconds(f, w, X, y, repeats=20) for f in forms)
        print(f"    {f'{name}, ms':<26}{t:>12.3f}{t_lines:>13.3f}{t_hand:>12.3f}")
    t, t_lines, t_hand = (
        1e3 * seconds(newton, *f, X, y, repeats=3) for f in (derivatives, by_lines, by_hand)
    )
    print(f"    {'whole fit, ms':<26}{t:>12.3f}{t_lines:>13.3f}{t_hand:>12.3f}")
    double = jit(lambda x: 2.0 * x)
    call, plain = (1e6 * seconds(many, f, repeats=5) / 1000 for f in (double, lambda x: 2.0 * x))
    print(f"    {'a call on one number, us':<26}{call:>12.3f}{'':>13}{plain:>12.3f}")
    first = 1e3 * first_call(w, X, y)
    print(f"    {'first call, gradient, ms':<26}{first:>12.3f}\n")
    say(
        f"""The weights differ by at most {max_error(w, w_by_hand):.0e}. Times are the shortest of several calls,
        all recorded and compiled before. The first call records the gradient of a new function and compiles
        it, or finds it in the cache on disk, where programs are kept for the next process."""
    )


def many(f: Callable) -> None:
    """Call a function of one number a thousand times."""
    for _ in range(1000):
        f(1.5)


def first_call(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
    """Return the seconds until a gradient that was never computed before is there."""
    start = time.perf_counter()
    jit(grad(lambda w, X, y: loss(w, X, y) * 1.5))(w, X, y)
    return time.perf_counter() - start


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tour, or what is named first on the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments of the command line, those of the process by default: ``--help``, or ``names`` and what
        `jaxlite.names.main` takes.

    Returns
    -------
    int
        0 if the derivatives are right and Newton's method converged, else 1; or what ``names`` returns.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv[:1] == ["names"]:
        return names.main(argv[1:])
    description = "A first tour of jaxlite: a logistic regression, its programs, its derivatives, its fit."
    parser = argparse.ArgumentParser("python -m jaxlite", description=description)
    parser.epilog = (
        "python -m jaxlite names: JAX's names, which of them are here, and what compiles; see its --help."
    )
    parser.parse_args(argv)
    start = time.perf_counter()
    data = breast_cancer()
    parts = split(data)
    X, y = parts.X, parts.y
    w_random = 0.3 * np.random.default_rng(1).normal(size=X.shape[1])

    print(f"jaxlite {jaxlite.__version__}, a first tour: from a NumPy function to a fitted model")
    show_data(data, parts)
    text_runs = show_programs(w_random, X, y)
    show_compilation(w_random, X, y)
    agree = show_checks(w_random, X, y)
    derivatives = (jit(loss), jit(grad(loss)), jit(hessian(loss)))
    w, steps = newton(*derivatives, X, y)
    show_fit(steps)
    show_comparison(w, derivatives, parts)
    print(f"\nDone in {time.perf_counter() - start:.1f} s.")
    return 0 if text_runs and agree and converged(steps) else 1


def _command() -> int:
    """Run `main`; a reader that has seen enough, as `head` has, ends it without a word."""
    try:
        try:
            status = main()
        except SystemExit as end:  # argparse's, after its own output
            status = end.code
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still in the buffer would be written, and fail, when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # as a program that SIGPIPE ended
    return status


if __name__ == "__main__":
    sys.exit(_command())
