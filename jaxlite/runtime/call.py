"""Calling compiled programs: the CPython entry, what it needs to know of this process, and the general way. Layer 6.

program = Program(jaxpr, code, …)      program(x, y)  ->  (z,)
program.entry(x, y)                    the machine entry alone: z, or NO_MATCH
"""

from __future__ import annotations

import ctypes
import functools
import operator
import sys
import threading

import numpy as np

from jaxlite.array import Array
from jaxlite.codegen.emit_llvm import ERROR_WORDS, OUT_OF_BOUNDS, OUT_OF_MEMORY, PYTHON_ERROR
from jaxlite.codegen.entry import descr_symbol, scalar_symbol
from jaxlite.codegen.values import stored_aval
from jaxlite.config import _DISABLE_JIT
from jaxlite.control.jit import NO_MATCH
from jaxlite.counters import counters
from jaxlite.errors import InternalError
from jaxlite.interpreters.evaluate import run_jaxpr
from jaxlite.ir import Jaxpr, Tape
from jaxlite.runtime import engine, tapes
from jaxlite.trace import EVAL, _current

_DTYPES = [np.dtype(c) for c in "?bhilBHILefdFD"]
_METH_FASTCALL = 0x0080
# Place of PyArray_NewFromDescr in NumPy's table of C functions, fixed by its ABI.
_NEW_FROM_DESCR = 94

_raised = threading.local()


class _MethodDef(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("meth", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


def store_exception(error: BaseException) -> None:
    """Keep an exception of a host call until the program has been left."""
    _raised.error = error


def raise_error(program: Program, status: int, *details: int):
    """Raise what a program that returned ``status`` wants to say."""
    if status == PYTHON_ERROR:
        error, _raised.error = getattr(_raised, "error", None), None
        raise error or KeyboardInterrupt
    if status == OUT_OF_MEMORY:
        raise MemoryError(f"no room for {program.arena_bytes} bytes of working memory")
    if status == OUT_OF_BOUNDS:
        raise InternalError("a compiled program left one of its buffers.", why="this is a bug in jaxlite.")
    raise program.explain(status - 1, details)


@functools.cache
def register_symbols() -> None:
    """Give the names that entries use their addresses in this process."""
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(get_pointer(np._core.multiarray._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
    objects = {
        "jl_ndarray_type": np.ndarray,
        "jl_array_type": Array,
        "jl_no_match": NO_MATCH,
        "jl_trace_var": _current,
        "jl_eval_trace": EVAL,
        "jl_disable_var": _DISABLE_JIT,
        "jl_raise": raise_error,
        "jl_true": True,
        "jl_false": False,
        "jl_float_type": float,
        "jl_int_type": int,
        "jl_complex_type": complex,
    }
    for dtype in _DTYPES:
        objects[descr_symbol(dtype)] = dtype
        objects[scalar_symbol(dtype)] = dtype.type
    # All of them live as long as the process.
    register_symbols.objects = objects
    for name, value in objects.items():
        engine.add_symbol(name, id(value))
    engine.add_symbol("jl_new_array", table[_NEW_FROM_DESCR])
    for name in (
        "PyContextVar_Get",
        "Py_IncRef",
        "Py_DecRef",
        "PyLong_AsLongLongAndOverflow",
        "PyFloat_AsDouble",
        "PyTuple_New",
        "PyObject_CallFunction",
        "PyEval_SaveThread",
        "PyEval_RestoreThread",
        "PyGILState_Ensure",
        "PyGILState_Release",
        "PyErr_CheckSignals",
        "PyErr_Occurred",
    ):
        engine.add_symbol(name, ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value)


def make_entry(address: int, owner) -> tuple:
    """Return a builtin function from machine code with METH_FASTCALL's signature, and what must live with it."""
    definition = _MethodDef(b"program", address, _METH_FASTCALL, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return make(ctypes.addressof(definition), owner, None), definition


class Program:
    """A compiled program of one jaxpr.

    Attributes
    ----------
    jaxpr : Jaxpr
        Optimised; host calls and errors find their equations in it.
    entry : builtin or None
        The machine entry; None where tapes go in or out, or the interpreter is not one that entries know.
    """

    __slots__ = (
        "__weakref__", "_definition", "arena_bytes", "code", "entry", "explain_failure", "in_avals", "jaxpr", "main",
        "out_avals",
    )  # fmt: skip

    def __init__(self, jaxpr: Jaxpr, in_avals, code, explain_failure):
        self.jaxpr, self.in_avals, self.out_avals, self.code = jaxpr, in_avals, jaxpr.out_avals, code
        self.explain_failure = explain_failure
        self.arena_bytes = 0
        kind = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.py_object, ctypes.c_void_p)
        self.main = kind(code.address_of())
        self.entry = self._definition = None
        if code.has_entry and entries_work():
            self.entry, self._definition = make_entry(code.address_of("_entry"), self)

    def explain(self, site: int, details) -> Exception:
        """Return the exception of a failed check."""
        return self.explain_failure(self, site, details)

    def __call__(self, *leaves) -> tuple:
        if self.entry is None:
            return self.ordinary_call(leaves)
        out = self.entry(*leaves)
        if out is NO_MATCH:
            out = self.entry(*map(exactly, leaves, self.in_avals))
            if out is NO_MATCH:
                return self.ordinary_call(leaves)
        return (out,) if len(self.out_avals) == 1 else out

    def ordinary_call(self, leaves) -> tuple:
        """Call through ctypes; for programs without an entry. Counted."""
        counters.add("num_ordinary_calls")
        keep: list = []
        inputs = []
        for x, aval in zip(leaves, self.in_avals, strict=True):
            if isinstance(aval, Tape):
                inputs.append(tapes.enter(x, aval, keep))
            else:
                # A weak input is a Python number, of no other type in memory.
                inputs.append(exactly(x, aval.strip_weak_type()))
        outputs = [np.empty(a.shape, a.dtype) for a in map(stored_aval, self.out_avals)]
        errors = np.zeros(ERROR_WORDS, np.int64)
        table = np.array([x.ctypes.data for x in (*inputs, *outputs, errors)], np.uintp)
        status = self.main(self, table.ctypes.data)
        hands_out_tapes = any(isinstance(aval, Tape) for aval in self.out_avals)
        try:
            if status:
                raise_error(self, status, *errors[:4].tolist())
            return tuple(
                tapes.leave(x, aval) if isinstance(aval, Tape) else x.view(Array)
                for x, aval in zip(outputs, self.out_avals, strict=True)
            )
        finally:
            if hands_out_tapes:
                self.free_tapes(errors)

    def free_tapes(self, errors: np.ndarray) -> None:
        """Give back the memory of the tapes of a call, after what is handed out was copied."""
        ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(self.code.address_of("_free"))(errors.ctypes.data)


class InterpretedProgram:
    """A program that has no compiled form: NumPy runs its equations. Counted."""

    entry = None

    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr

    def __call__(self, *leaves) -> tuple:
        counters.add("num_interpreted_calls")
        outs = run_jaxpr(self.jaxpr, *leaves)
        return tuple([as_own(out, leaves) for out in outs])


def as_own(out, args):
    """Copy a result that is an argument or a view of one: the caller may write to the argument later."""
    if not isinstance(out, np.ndarray):
        return out
    shared = any(isinstance(x, np.ndarray) and np.may_share_memory(out, x) for x in args)
    return out.copy() if shared else out


def exactly(x, aval):
    """Return a value in the one form that the entry takes: a dense array of the dtype, or a Python number."""
    if aval.weak_type:
        return aval.dtype.type(np.asarray(x).item()).item()
    x = np.asarray(x)
    if (
        x.dtype is not aval.dtype
        or type(x) is not np.ndarray
        or not x.flags.c_contiguous
        or not x.flags.aligned
    ):
        dense = np.empty(aval.shape, np.dtype(aval.dtype.char if aval.dtype.isnative else aval.dtype.str))
        dense[...] = x
        return dense
    return x


@functools.cache
def entries_work() -> bool:
    """Return whether objects lie in memory as entries expect: the default build of CPython, checked by reading."""
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    x = np.arange(6.0).reshape(2, 3)
    word = functools.partial(_word, id(x))
    header = object.__basicsize__
    dims = word(header + 16)
    value, scalar = float("2.5"), np.float64(1.5)
    found = (
        word(header - 8) == id(np.ndarray),
        word(header) == x.ctypes.data,
        ctypes.c_int32.from_address(id(x) + header + 8).value == 2,
        (ctypes.c_int64 * 2).from_address(dims)[:] == [2, 3],
        word(header + 40) == id(x.dtype),
        ctypes.c_int32.from_address(id(x) + header + 48).value & 0x101 == 0x101,
        ctypes.c_double.from_address(id(value) + header).value == value,
        ctypes.c_double.from_address(id(scalar) + header).value == scalar,
        operator.is_(x.dtype, np.dtype("d")),
    )
    if not all(found):
        counters.add("num_failed_self_tests")
    return all(found)


def _word(address: int, offset: int) -> int:
    return ctypes.c_uint64.from_address(address + offset).value
