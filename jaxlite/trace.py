"""Traces and tracers: interpreters in progress, and the values that flow in them.

One context variable holds the current trace. A trace remembers its parent, handles every primitive that is bound
while it is current, runs its rules under the parent, and asks "is this tracer mine?" with ``tracer._trace is
self``. There are no levels and no stack: nesting is the chain of parents, and at its end stands ``EVAL``.

    grad(jit(f))(2.0):      EVAL  <-parent-  PartialEvalTrace  <-parent-  JVPTrace   (current)

Layer 2. The operators of ``Tracer`` are installed by ``jaxlite.numpy``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from jaxlite.array import SILENT, Array, silence, voice
from jaxlite.dtypes import PYTHON_SCALAR_DTYPES, is_supported
from jaxlite.errors import (
    ConcretizationTypeError,
    DtypeError,
    InplaceUpdateError,
    IntegerRangeError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
    UnexpectedTracerError,
)
from jaxlite.ir import ShapedArray
from jaxlite.source import Source


class Trace:
    """An interpreter in progress. Subclasses implement `process`."""

    __slots__ = ("parent",)

    def __init__(self, parent: Trace | None):
        self.parent = parent

    def process(self, primitive, args, params) -> tuple:
        """Apply ``primitive`` to ``args``; called while this trace is current. Returns a tuple of results."""
        raise NotImplementedError(f"{type(self).__name__}.process")

    def owns(self, value) -> bool:
        return isinstance(value, Tracer) and value._trace is self


# What the evaluation trace runs in place of ``impl``: control flow registers its compiled form here.
RUN_EAGERLY: dict[Any, Callable[..., tuple]] = {}


class EvalTrace(Trace):
    """The end of every chain: runs primitives on arrays, with NumPy but for `RUN_EAGERLY`."""

    __slots__ = ()

    def process(self, primitive, args, params):
        arrays = []
        writable = False
        for arg in args:
            if type(arg) is np.ndarray:
                writable = True
            elif type(arg) is Array:
                arg = arg.view(np.ndarray)
            elif isinstance(arg, Tracer):
                raise leaked_tracer(arg)
            elif type(arg) in PYTHON_SCALAR_DTYPES:
                arg = _numpy_scalar(arg)
            arrays.append(arg)
        # The same errors as while recording, at 3 to 5 µs a call; functions of jaxlite.numpy do not come here.
        primitive.abstract_eval(*map(aval_of, arrays), **params)
        run = RUN_EAGERLY.get(primitive, primitive.impl)
        token = silence(SILENT)
        try:
            outs = run(*arrays, **params)
        finally:
            voice(token)
        if writable:
            outs = [own(out, arrays) for out in outs]
        return tuple([as_array(out) for out in outs])


def _numpy_scalar(value):
    try:
        return PYTHON_SCALAR_DTYPES[type(value)].type(value)
    except OverflowError:
        raise IntegerRangeError(
            f"the integer {value} does not fit in int64.",
            why="integers of programs have at most 64 bits.",
            fix="pass a float, float(n), where the exact integer is not needed.",
        ) from None


def own(result, args):
    """Copy a result that is, or is a view of, an array the user may still write to."""
    if isinstance(result, np.ndarray):
        if result.base is not None:
            return result.copy()
        for arg in args:
            if result is arg:
                return result.copy()
    return result


EVAL = EvalTrace(None)
_current: ContextVar[Trace] = ContextVar("jaxlite_current_trace", default=EVAL)
current_trace = _current.get


def as_array(value):
    """Wrap what an ``impl`` returned as `Array`; tapes and arrays of float0 pass through."""
    if isinstance(value, np.ndarray):
        return value if type(value) is Array else value.view(Array)
    return np.asarray(value).view(Array) if isinstance(value, _SCALARS) else value


_SCALARS = (np.generic, bool, int, float, complex)
# ``np.ndarray | np.generic`` would be made anew at each call.
_OF_NUMPY = (np.ndarray, np.generic)


class set_current:  # noqa: N801 (a context manager reads as a verb)
    """Make ``trace`` current inside the context, whatever happens there."""

    __slots__ = ("token", "trace")

    def __init__(self, trace: Trace):
        self.trace = trace

    def __enter__(self) -> Trace:
        self.token = _current.set(self.trace)
        return self.trace

    def __exit__(self, *exc_info) -> None:
        _current.reset(self.token)


def ancestors(trace: Trace):
    """Yield ``trace`` and its chain of parents."""
    while trace is not None:
        yield trace
        trace = trace.parent


class Tracer:
    """A value that stands for an array while a function is being transformed.

    It has the shape and dtype of the array, answers NumPy's functions and operators, and refuses whatever needs
    the numbers when they are not known. Subclasses carry the data of one kind of trace.
    """

    __slots__ = ("__weakref__", "_trace")
    __array_priority__ = 1000

    aval: ShapedArray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    @property
    def size(self) -> int:
        return self.aval.size

    @property
    def nbytes(self) -> int:
        return self.aval.size * self.aval.dtype.itemsize

    @property
    def itemsize(self) -> int:
        return self.aval.dtype.itemsize

    @property
    def weak_type(self) -> bool:
        return self.aval.weak_type

    def block_until_ready(self):
        """Return the value itself: nothing runs in the background."""
        return self

    def concrete(self):
        """Return the array behind this tracer, or None where it is not known."""
        return None

    def describe(self) -> str:
        """What this value is, in IR notation."""
        return str(self.aval)

    def why_unknown(self) -> str:
        """Explain, in one clause, why `concrete` is None."""
        return "its value is unknown while the function is being transformed."

    def why_no_number(self) -> str:
        """Explain, in one clause, why this is no plain number even where its value is known."""
        if self.concrete() is None:
            return self.why_unknown()
        return "it carries a derivative, which a plain number would lose without a word."

    def creation_source(self) -> Source | None:
        """Where the value was made, as far as it is recorded."""
        return None

    def __len__(self) -> int:
        if not self.aval.shape:
            raise TypeError("len() of unsized object")
        return self.aval.shape[0]

    def __bool__(self) -> bool:
        value = self.concrete()
        if value is not None:
            return bool(value)
        if self.aval.size != 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()"
            )
        raise TracerBoolConversionError(
            f"a Python bool is needed, but the value is traced: {self.describe()}",
            why=self.why_unknown(),
            fix="jnp.where(condition, a, b), or jaxlite.lax.cond(condition, f, g, x); while loops: "
            "jaxlite.lax.while_loop; an argument that steers Python code: jit(f, static_argnames=...).",
        )

    def _not_a_number(self, name: str) -> ConcretizationTypeError:
        return ConcretizationTypeError(
            f"{name} needs a plain number, but the value is traced: {self.describe()}",
            why=self.why_no_number(),
            fix="jnp.sin(x) instead of math.sin(x), x.astype(dtype) instead of float(x), "
            "jnp.asarray(a).at[i].set(x) instead of a[i] = x; jaxlite.lax.stop_gradient(x) first where the "
            "derivative is not wanted.",
        )

    def __float__(self) -> float:
        raise self._not_a_number("float()")

    def __complex__(self) -> complex:
        raise self._not_a_number("complex()")

    def __int__(self) -> int:
        value = self.concrete()
        if value is None:
            raise self._not_a_number("int()")
        return int(value)

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        value = self.concrete()
        if value is None:
            raise self._not_a_number(f"the format {spec!r}")
        return format(value, spec)

    def item(self, *args):
        raise self._not_a_number("item()")

    def tolist(self):
        raise self._not_a_number("tolist()")

    def __index__(self) -> int:
        value = self.concrete()
        if value is not None:
            return value.__index__()
        raise TracerIntegerConversionError(
            f"a Python integer is needed, but the value is traced: {self.describe()}",
            why=self.why_unknown(),
            fix="mark the argument static (jit(f, static_argnames=...)); loops over a traced count: "
            "jaxlite.lax.fori_loop; an element of a NumPy array: jnp.asarray(a)[i].",
        )

    def __array__(self, dtype=None, copy=None):
        raise TracerArrayConversionError(
            f"NumPy needs an array, but the value is traced: {self.describe()}",
            why=self.why_no_number(),
            fix="use the jaxlite.numpy function: np.array([t, u]) -> jnp.stack([t, u]); np.asarray(t) -> "
            "jnp.asarray(t); np.full(s, t) -> jnp.full(s, t); np.r_[t, u] -> jnp.r_[t, u]; a[t] -> jnp.asarray(a)[t]; "
            "a.dot(t) -> jnp.dot(a, t); np.vectorize(f)(t) -> jnp.vectorize(f)(t).",
        )

    def __setitem__(self, index, value):
        raise self._write_error("x[index] = value")

    def fill(self, *args, **kwargs):
        raise self._write_error("x.fill")

    def put(self, *args, **kwargs):
        raise self._write_error("x.put")

    def resize(self, *args, **kwargs):
        raise self._write_error("x.resize")

    def partition(self, *args, **kwargs):
        raise self._write_error("x.partition")

    def _write_error(self, what: str) -> InplaceUpdateError:
        return InplaceUpdateError(
            f"{what}: traced values cannot be written into: {self.describe()}",
            why="every transformation needs to see each value as it was made.",
            fix="x = x.at[index].set(value); also .add, .multiply, .min, .max.",
        )

    def __hash__(self):
        raise TypeError(f"unhashable type: {type(self).__name__!r}")

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def aval_of(value) -> ShapedArray:
    """Return the aval of an array, scalar or tracer.

    Raises
    ------
    DtypeError
        If ``value`` cannot be a value of a program.
    """
    if isinstance(value, Tracer):
        return value.aval
    if isinstance(value, _OF_NUMPY):
        dtype = value.dtype
        if _has_own_arithmetic(value):
            raise unsupported_value(value)
        if is_supported(dtype):
            return ShapedArray(value.shape, dtype)
        native = dtype.newbyteorder("=")
        if is_supported(native):
            return ShapedArray(value.shape, native)
    scalar_dtype = PYTHON_SCALAR_DTYPES.get(type(value))
    if scalar_dtype is not None:
        return ShapedArray((), scalar_dtype, scalar_dtype.kind != "b")
    aval = getattr(value, "aval", None)
    if aval is not None:
        return aval
    raise unsupported_value(value)


def is_value(value) -> bool:
    """Whether ``value`` can be an operand of a primitive as it is."""
    return (
        isinstance(value, Tracer)
        or (
            isinstance(value, _OF_NUMPY)
            and is_supported(value.dtype.newbyteorder("="))
            and not _has_own_arithmetic(value)
        )
        or type(value) in PYTHON_SCALAR_DTYPES
    )


def _has_own_arithmetic(value) -> bool:
    """Whether an array is of a subclass (masked, matrix, with units) whose meaning would be lost."""
    return type(value) is not np.ndarray and type(value) is not Array and value.__array_priority__ > 0


def unsupported_value(value, path: str = "") -> DtypeError:
    where = f" at {path}" if path else ""
    if isinstance(value, _OF_NUMPY):
        kind = f"an array of dtype {value.dtype}"
        if isinstance(value, np.ndarray) and _has_own_arithmetic(value):
            kind = f"a {type(value).__name__}"
    else:
        kind = f"{type(value).__name__} {value!r:.60}"
    return DtypeError(
        f"{kind}{where} is not an array, a number or a bool.",
        why="programs compute with booleans, integers, floats and complex numbers.",
        fix="convert it with jnp.asarray, or mark it static: jit(f, static_argnums=...).",
    )


def leaked_tracer(tracer: Tracer) -> UnexpectedTracerError:
    """Make the error for a tracer that is used outside the trace that made it."""
    source = tracer.creation_source()
    details = [f"made at  {source.describe()}"] if source else []
    return UnexpectedTracerError(
        f"a value recorded by {tracer._trace!r} was used outside of it: {tracer.describe()}",
        details=details,
        why="its trace has ended, or belongs to another thread, or the value was hidden from a transformation in a "
        "closure or a global.",
        fix="return the value from the transformed function, and pass it in as an argument.",
    )
