"""What a row of the differential test is: a function, where it lives, and the arrays it is called with.

    row("numpy.hypot", A, B)                        jnp.hypot(a, b)
    row("numpy.sum", A, axis=0, on=ALL)             jnp.sum(a, axis=0), for every dtype
    row("lax.scan", A, call=lambda jx, a: ...)      a program; ``jx`` is jaxlite or jax

A `Sample` stands for an array of the dtype under test; NumPy arrays keep their own dtype. Both are traced,
everything else among the arguments is static. The first part of the name says where the function is found.
"""

from __future__ import annotations

import functools
import importlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# One letter per dtype, as `Row.dtypes` spells them.
DTYPES = {"d": np.float64, "f": np.float32, "i": np.int64, "b": np.bool_, "c": np.complex128}


@dataclass(frozen=True)
class Sample:
    """An array to be drawn: the same values on every run, for every dtype its own.

    ``form`` is "" | "definite" (a symmetric positive definite matrix) | "lower" (a well-conditioned
    triangle) | "regular" (a well-conditioned square matrix).
    """

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    seed: int = 0
    form: str = ""

    def make(self, dtype) -> np.ndarray:
        dtype = np.dtype(dtype)
        rng = np.random.default_rng([self.seed, zlib.crc32(repr((self.shape, self.form)).encode())])
        if dtype.kind == "b":
            return rng.integers(0, 2, self.shape).astype(dtype)
        if dtype.kind == "i":
            return rng.integers(int(np.floor(self.low)), int(np.ceil(self.high)) + 1, self.shape)
        x = rng.uniform(self.low, self.high, self.shape)
        if dtype.kind == "c":
            x = x + 1j * rng.uniform(self.low, self.high, self.shape)
        return np.asarray(self._in_form(x), dtype)

    def _in_form(self, x):
        n = self.shape[-1] if self.shape else 0
        if self.form == "definite":
            return x @ np.conj(np.swapaxes(x, -1, -2)) + n * np.eye(n)
        if self.form == "lower":
            return np.tril(x, -1) + (2.0 + np.arange(n)) * np.eye(n)
        if self.form == "regular":
            return x + 3.0 * n * np.eye(n)
        return x


@dataclass(frozen=True, eq=False)
class Row:
    """One function on one set of arguments, for some dtypes.

    Attributes
    ----------
    name : str
        ``"<where>.<function>"``; ``numpy``, ``linalg``, ``fft`` and ``lax`` are namespaces, anything else is a
        heading for programs that only `call` knows.
    args, kwargs
        Nested lists and tuples of samples, arrays and static values.
    dtypes : str
        Letters of `DTYPES`.
    call : callable, optional
        ``(jx, *args, **kwargs)`` instead of the function of that name.
    oracle : callable, optional
        The same for JAX alone, where JAX spells it differently.
    only : tuple of str
        Transformations to test; empty for all.
    eager : bool
        Whether the function needs concrete values, so that JAX cannot jit it.
    """

    name: str
    args: tuple
    kwargs: dict[str, Any] = field(default_factory=dict)
    dtypes: str = "df"
    call: Callable | None = None
    oracle: Callable | None = None
    only: tuple[str, ...] = ()
    eager: bool = False
    label: str = ""

    @property
    def id(self) -> str:
        return f"{self.name}[{self.label}]" if self.label else self.name

    def arrays(self, letter: str) -> list[np.ndarray]:
        """Return the arrays among the arguments, in order."""
        found: list[np.ndarray] = []
        _replace(self.args, lambda x: found.append(_as_array(x, letter)))
        return found

    def function(self, jx) -> Callable:
        """Return the function of the arrays alone, of jaxlite or of jax."""
        is_oracle = jx.__name__ == "jax"
        call = (self.oracle if is_oracle and self.oracle else self.call) or _lookup(self.name)

        def f(*arrays):
            it = iter(arrays)
            return call(jx, *_replace(self.args, lambda _: next(it)), **self.kwargs)

        f.__name__ = self.name.replace(".", "_")
        return f


def row(name, *args, on="df", call=None, oracle=None, only=(), eager=False, label="", **kwargs) -> Row:
    """Write a row as the call it stands for."""
    return Row(name, args, kwargs, on, call, oracle, tuple(only), eager, label or _label(kwargs))


def each(module: str, names: str, *args, **options) -> list[Row]:
    """Write the same row for several functions of a module, named in one string."""
    return [row(f"{module}.{name}", *args, **options) for name in names.split()]


def _label(kwargs) -> str:
    plain = (bool, int, float, str, tuple, list, type(None))
    return ",".join(f"{k}={v}".replace(" ", "") for k, v in kwargs.items() if isinstance(v, plain))


def _as_array(x, letter):
    return x.make(DTYPES[letter]) if isinstance(x, Sample) else x


def _replace(x, change):
    if isinstance(x, Sample | np.ndarray):
        return change(x)
    if type(x) in (list, tuple):
        return type(x)(_replace(item, change) for item in x)
    return x


def _lookup(name: str) -> Callable:
    def call(jx, *args, **kwargs):
        return find(jx, name)(*args, **kwargs)

    return call


def find(jx, name: str):
    """Return what a library has under a dotted name; modules are imported as they are needed."""
    path = name.split(".")
    return functools.reduce(_member, ["numpy", *path] if path[0] in ("linalg", "fft") else path, jx)


def _member(x, name: str):
    found = getattr(x, name, None)
    return importlib.import_module(f"{x.__name__}.{name}") if found is None else found


def modulus_of(name: str) -> Callable:
    """Make a call that returns the moduli of all results: they do not depend on signs and phases of vectors."""

    def call(jx, *args, **options):
        return [abs(x) ** 2 for x in find(jx, name)(*args, **options)]

    return call
