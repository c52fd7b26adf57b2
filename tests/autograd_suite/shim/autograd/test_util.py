"""autograd's checks of derivatives, made by `jaxlite.test_util`."""

from __future__ import annotations

import itertools

import numpy as np

import jaxlite
from jaxlite import test_util

from . import selected


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
        test_util.check_grads(g, (x,), order, modes or ("fwd", "rev"))

    return check


def combo_check(fun, *check_args, **check_kwargs):
    """Check every combination of the given arguments and keywords, each a sequence of values."""

    def check(*args, **kwargs):
        for given in itertools.product(*args, *kwargs.values()):
            named = dict(zip(kwargs, given[len(args) :]))
            check_grads(fun, *check_args, **check_kwargs)(*given[: len(args)], **named)

    return check
