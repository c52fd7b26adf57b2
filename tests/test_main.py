"""The tour, ``python -m jaxlite``: what it prints is right and fits a page, and its status tells what went wrong."""

import contextlib
import io
import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from jaxlite import __main__ as tour
from jaxlite.check import check_jaxpr
from jaxlite.datasets import breast_cancer
from jaxlite.parsing import parse_jaxpr


@pytest.fixture(scope="module")
def text():
    """The whole text of one tour."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert tour.main([]) == 0
    return out.getvalue()


def numbers(text, label):
    """Return the numbers at the end of the line that begins with a label."""
    (line,) = (line for line in text.splitlines() if line.strip().startswith(label))
    return [float(number) for number in re.findall(r"(?<=\s)\d\S*", line.split(label)[1])]


def test_the_model_predicts_rows_it_has_not_seen(text):
    ours, by_hand = numbers(text, "accuracy, rows held back")
    assert ours > 0.95
    assert ours == by_hand


def test_the_derivatives_are_right(text):
    rows = re.findall(r"^    (grad\(loss\)|hessian\(loss\)) .* (\S+)$", text, re.MULTILINE)
    assert [name for name, _ in rows] == ["grad(loss)", "grad(loss)", "hessian(loss)"]
    (_, differences), *closed_forms = rows
    assert float(differences) < 1e-6
    assert all(float(error) < 1e-12 for _, error in closed_forms)


def test_newton_converges(text):
    steps = re.findall(r"^ +\d+ +(\d\.\d{10}) +(\S+)$", text, re.MULTILINE)
    losses, norms = np.array(steps, dtype=float).T
    assert losses[0] == pytest.approx(np.log(2))
    assert np.all(np.diff(losses) <= 0)
    assert norms[-1] < 1e-10
    assert "\nConverged." in text


def test_the_printed_programs_are_programs(text):
    printed = re.findall(r"^    \{ lambda ; .*?\(\w+,\) \}$", text, re.DOTALL | re.MULTILINE)
    loss, gradient, optimized = map(parse_jaxpr, printed)
    for jaxpr in (loss, gradient, optimized):
        check_jaxpr(jaxpr)
        assert str(jaxpr.in_avals) == "(f64[31], f64[427,31], f64[427])"
    assert str(loss.out_avals) == "(f64[],)"
    assert str(gradient.out_avals) == str(optimized.out_avals) == "(f64[31],)"
    assert "the same gradient, bit for bit" in " ".join(text.split())


def test_the_printed_loops_are_python(text):
    (source,) = re.findall(r"^    import numpy as np\n.*?(?=^\S)", text, re.DOTALL | re.MULTILINE)
    source = textwrap.dedent(source)
    space: dict = {}
    exec(source, space)
    w, X, y = np.zeros(31), np.ones((427, 31)), np.zeros(427)
    gradient = np.empty(31)
    space["program"](w, X.ravel(), y, gradient)
    np.testing.assert_allclose(gradient, np.full(31, 0.5), rtol=1e-13)


def test_it_times_machine_code_the_interpreter_and_numpy(text):
    for label in ("loss, ms", "gradient, ms", "Hessian, ms", "whole fit, ms"):
        assert len(numbers(text, label)) == 3
    assert len(numbers(text, "first call, gradient, ms")) == 1


def test_it_says_where_the_data_come_from(text):
    words = " ".join(text.split())
    assert breast_cancer().source in words
    assert "Licence: CC BY 4.0." in words


def test_it_is_plain_text_that_fits_a_page(text):
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 88
    assert "\n\n\n\n" not in text


def test_rows_held_back_are_others_and_the_seed_chooses_them():
    data = breast_cancer()
    parts = tour.split(data)
    assert parts.X.shape == (427, 31) and parts.X_test.shape == (142, 31)
    assert parts.y.sum() + parts.y_test.sum() == data.labels.sum()
    np.testing.assert_allclose(parts.X.mean(axis=0), np.eye(31)[0], atol=1e-12)
    np.testing.assert_array_equal(tour.split(data).X, parts.X)
    assert not np.array_equal(tour.split(data, seed=1).X, parts.X)


def test_wrong_derivatives_give_a_status(monkeypatch, capsys):
    monkeypatch.setattr(tour, "gradient_by_hand", lambda w, X, y: X.T @ (tour.sigmoid(X @ w) - y) / len(y))
    assert tour.main([]) == 1


def test_no_convergence_gives_a_status(monkeypatch, capsys):
    monkeypatch.setattr(tour, "converged", lambda steps: False)
    assert tour.main([]) == 1
    assert "NOT CONVERGED in 25 steps." in capsys.readouterr().out


def test_arguments(capsys):
    with pytest.raises(SystemExit) as stopped:
        tour.main(["--help"])
    assert stopped.value.code == 0
    assert "usage: python -m jaxlite" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        tour.main(["--fast"])
    assert stopped.value.code == 2


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["names", "jax.lax"], ["names", "--csv", "jax.ops"], ["names", "-h"]]
)
def test_a_reader_that_closes_early_ends_it_quietly(arguments):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "jaxlite", *arguments], stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert done.stderr == b""
    # The argparse of later Pythons swallows the error of its help.
    assert done.returncode in ((0, 141) if {"--help", "-h"} & {*arguments} else (141,))
