"""HIPS autograd's test suite itself runs by ``python -m tests.autograd_suite``; here: what it runs through."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.array_api.__main__ import counts_of, reasons
from tests.autograd_suite.__main__ import main, summary

FOLDER = Path(__file__).parent / "autograd_suite"


@pytest.fixture
def ag(monkeypatch):
    """autograd's names on jaxlite, under their own names while a test runs."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "autograd"}
    monkeypatch.syspath_prepend(str(FOLDER / "shim"))
    monkeypatch.delenv("AUTOGRAD_SHIM", raising=False)
    for name in ("numpy", "test_util", "core", "misc", "scipy.special"):
        importlib.import_module(f"autograd.{name}")
    yield sys.modules["autograd"]
    for name in [name for name in sys.modules if name.split(".")[0] == "autograd"]:
        del sys.modules[name]
    sys.modules.update(before)


def test_every_exclusion_has_a_reason():
    listed = reasons(FOLDER / "exclusions.txt")
    assert listed
    assert all(reason.strip() for reason in listed.values())
    assert all(name.startswith("test_") and ".py::test_" in name for name in listed)


def test_the_summary_counts_exclusions_beside():
    counts = counts_of("3 failed, 95 passed, 4 skipped, 2 xfailed in 9.5s")
    assert summary(counts) == ("95 of 98 pass: 96.9 %; with the 2 exclusions as failures 95.0 %; 4 skipped")


def test_a_folder_without_the_suite_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert "is no checkout of HIPS/autograd" in capsys.readouterr().err


def test_the_argument_is_chosen_by_number(ag):
    def f(x, y, scale=1.0):
        return ag.numpy.sum(ag.numpy.sin(x) * y) * scale

    x, y = np.array([0.1, 0.2]), np.array([3.0, 4.0])
    np.testing.assert_allclose(ag.grad(f)(x, y, scale=2.0), 2 * np.cos(x) * y)
    np.testing.assert_allclose(ag.grad(f, 1)(x, y), np.sin(x))
    for got, expected in zip(ag.grad(f, [1, 0])(x, y), (np.sin(x), np.cos(x) * y), strict=True):
        np.testing.assert_allclose(got, expected)
    np.testing.assert_allclose(ag.jacobian(lambda x: x**2)(x), np.diag(2 * x))
    np.testing.assert_allclose(ag.elementwise_grad(lambda x: x**2)(x), 2 * x)
    np.testing.assert_allclose(ag.hessian_tensor_product(lambda x: ag.numpy.sum(x**3))(x, y), 6 * x * y)
    np.testing.assert_allclose(ag.make_ggnvp(lambda x: 3.0 * x)(x)(y), 9 * y)


def test_the_checks_find_a_wrong_derivative(ag):
    wrong = ag.core.primitive(np.sin)
    ag.core.defvjp(wrong, lambda ans, x: lambda y_bar: y_bar * np.cos(x) * 1.001)
    with pytest.raises(AssertionError, match=r"Derivative \(VJP\) check of sin failed"):
        ag.test_util.check_grads(wrong, modes=["rev"], order=1)(1.0)
    ag.test_util.check_grads(ag.numpy.sin, modes=["rev"], order=2)(1.0)
