"""Other libraries, where they can run a row from the same source: columns of the table if they are installed.

    python -m benchmarks --peers     autograd, CasADi and PyTorch; pip install autograd casadi torch

None compiles to machine code here: autograd and PyTorch run functions of arrays one by one, CasADi's virtual machine
one scalar operation after the other. What a library cannot express is a blank.
"""

from __future__ import annotations

import importlib
import os
import types
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from benchmarks.rows import Lib, Row
from jaxlite.tree import tree_map

# Graphs of scalars: more of them than this take longer to build than anyone waits.
MOST_SCALARS = 2000


def _lib(name: str, np_like: Any, **functions) -> Lib:
    blank = dict.fromkeys(field.name for field in fields(Lib))
    return Lib(**{**blank, "name": name, "np": np_like, "jit": lambda f: f, **functions})


def _autograd(row: Row) -> tuple[Callable, tuple] | None:
    autograd = importlib.import_module("autograd")
    lib = _lib(
        "autograd", importlib.import_module("autograd.numpy"), grad=autograd.grad, hessian=autograd.hessian
    )
    loss, args = row.make(lib, np.random.default_rng(0))
    return (lib.hessian if row.derivative == "hessian" else lib.grad)(loss), args


def _casadi(row: Row) -> tuple[Callable, tuple] | None:
    casadi = importlib.import_module("casadi")
    names = "sin cos tanh exp log log1p sqrt where"
    space = types.SimpleNamespace(**{name: getattr(casadi, name, None) for name in names.split()})
    space.abs, space.where, space.sum = casadi.fabs, casadi.if_else, lambda x: casadi.sum1(x)
    loss, args = row.make(_lib("CasADi", space), np.random.default_rng(0))
    if (
        any(type(x) is not np.ndarray or x.ndim != 1 for x in args)
        or sum(x.size for x in args) > MOST_SCALARS
    ):
        return None
    symbols = [casadi.SX.sym(f"x{k}", x.size) for k, x in enumerate(args)]
    value = loss(*symbols)
    found = (
        casadi.hessian(value, symbols[0])[0]
        if row.derivative == "hessian"
        else casadi.gradient(value, symbols[0])
    )
    # CasADi keeps structural zeros to itself.
    dense = casadi.Function("f", symbols, [casadi.densify(found)])
    buffer, evaluate = dense.buffer()
    out = np.zeros(found.shape, order="F")
    for k, x in enumerate(args):
        buffer.set_arg(k, memoryview(x))
    buffer.set_res(0, memoryview(out.T))

    def call(*_):
        evaluate()
        return out[:, 0] if out.shape[1] == 1 else out

    call.keeps = (buffer, dense, args)
    return call, args


class _TorchNumpy:
    """PyTorch's functions under NumPy's names; most take ``axis`` and ``keepdims`` as they are."""

    def __init__(self, torch):
        self._torch, self.linalg, self.max, self.min = torch, torch.linalg, torch.amax, torch.amin

    def __getattr__(self, name: str):
        return getattr(self._torch, name)

    def logaddexp(self, x, y):
        return self._torch.logaddexp(self._torch.as_tensor(x, dtype=y.dtype), y)

    def sort(self, x):
        return self._torch.sort(x).values

    def cumsum(self, x):
        return self._torch.cumsum(x, 0)


def _torch(row: Row) -> tuple[Callable, tuple] | None:
    torch = importlib.import_module("torch")
    torch.set_num_threads(len(os.sched_getaffinity(0)))

    def solve_lower(factor, b):
        return torch.linalg.solve_triangular(factor, b[:, None], upper=False)[:, 0]

    functions = {"grad": torch.func.grad, "hessian": torch.func.hessian, "vmap": torch.vmap}
    functions["solve_lower"] = solve_lower
    loss, args = row.make(_lib("PyTorch", _TorchNumpy(torch), **functions), np.random.default_rng(0))
    args = tree_map(torch.as_tensor, args)
    return functions[row.derivative](loss), args


PEERS: dict[str, Callable[[Row], tuple[Callable, tuple] | None]] = {
    "autograd": _autograd,
    "CasADi": _casadi,
    "PyTorch": _torch,
}


def by_scipy(row: Row) -> tuple[Callable, tuple] | None:
    """Return the loss of a row by NumPy and SciPy and its arguments, None where it does not run by them."""
    return row.make(_lib("SciPy", np), np.random.default_rng(0)) if row.scipy else None


def peer(name: str, row: Row) -> tuple[Callable, tuple] | None:
    """Return what a library calls for a row and its arguments, None where it is not there or cannot."""
    if row.derivative not in ("grad", "hessian"):
        return None
    try:
        candidate = PEERS[name](row)
        if candidate is not None:
            function, args = candidate
            function(*args)
        return candidate
    except Exception:  # Whatever a library says to a program that is not its own.
        return None
