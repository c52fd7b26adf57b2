"""autograd's checks of derivatives, made by `jaxlite.test_util`.

With ``AUTOGRAD_SHIM=jit`` in the environment, what is checked is compiled.
"""

from __future__ import annotations

import itertools
import os
import re

import numpy as np

import jaxlite
from jaxlite import test_util

from . import selected

_COMPILED = os.environ.get("AUTOGRAD_SHIM") == "jit"


def scalar_close(a, b):
    return bool(np.isclose(a, b, rtol=1e-6, atol=1e-6))


def check_equivalent(x, y):
    """Fail unless two trees agree in structure, shapes, dtypes and, to six digits, in values."""
    x, y = jaxlite.tree_util.tree_map(np.asarray, (x, y))

    def compare(a, b):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)

    jaxlite.tree_util.tree_map(compare, x, y)


def check_grads(fun, argnum=0, modes=None, order=2):
    def check(*args, **kwargs):
        g, x = selected(fun, argnum, args, kwargs)
        if _COMPILED:
            g = jaxlite.jit(g)
        try:
            # autograd's step: its tests stay so far away from kinks.
            test_util.check_grads(g, (x,), order, modes or ("fwd", "rev"), eps=5e-7)
        except AssertionError as error:
            raise AssertionError(f"{_title(str(error), fun)}\n{error}") from None

    return check


def _title(message, fun):
    """Return autograd's first line for a failure that `jaxlite.test_util` reports."""
    orders = re.findall(r"the (jvp|vjp) of", message.partition("\n")[0])
    name = "_".join([*orders[1:], getattr(fun, "__name__", "[unknown name]")])
    return f"Derivative ({orders[0].upper()}) check of {name} failed"


def combo_check(fun, *check_args, **check_kwargs):
    """Check every combination of the given arguments and keywords, each a sequence of values."""

    def check(*args, **kwargs):
        for given in itertools.product(*args, *kwargs.values()):
            named = dict(zip(kwargs, given[len(args) :]))
            check_grads(fun, *check_args, **check_kwargs)(*given[: len(args)], **named)

    return check
