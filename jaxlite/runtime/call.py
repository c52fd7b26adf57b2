"""Calling compiled programs: the CPython entry, what it needs to know of this process, and the general way. Layer 6.

    program = Program(jaxpr, …)            program(x, y)  ->  (z,)
    program.entry(x, y)                    the machine entry alone: z, or NO_MATCH

What is no match is brought into the form of the entry, refused, or called through ctypes, in this order.
"""

from __future__ import annotations

import ctypes
import functools
import sys

import numpy as np

from jaxlite.array import Array
from jaxlite.codegen.boundary import (
    C_CONTIGUOUS_AND_ALIGNED,
    DATA,
    DESCR,
    DIMENSIONS,
    ERROR_WORDS,
    FLAGS,
    HEADER,
    NDIM,
    OUT_OF_BOUNDS,
    OUT_OF_MEMORY,
    descr_symbol,
    scalar_symbol,
    stored_aval,
)
from jaxlite.config import _DISABLE_JIT
from jaxlite.control.jit import NO_MATCH
from jaxlite.counters import counters
from jaxlite.dtypes import PYTHON_SCALAR_DTYPES
from jaxlite.errors import ArgumentError, InternalError
from jaxlite.interpreters.evaluate import run_jaxpr
from jaxlite.ir import Jaxpr, Tape
from jaxlite.passes.pipeline import optimize
from jaxlite.runtime import engine, tapes
from jaxlite.trace import EVAL, _current, _numpy_scalar, aval_of

# By name, since C's types of one size differ between platforms: NumPy has one dtype of each name that it prefers.
_DTYPES = [
    np.dtype(name)
    for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64", "complex64", "complex128",
    )
]  # fmt: skip
# From any dtype that is equal to one of them (``np.longlong``, metadata) to the one that entries know.
_PREFERRED = {dtype: dtype for dtype in _DTYPES}
_METH_FASTCALL = 0x0080
# Place of PyArray_NewFromDescr in NumPy's table of C functions, fixed by its ABI.
_NEW_FROM_DESCR = 94

# Each kind of number, after those that Python turns into it where they meet.
_KINDS = "biufc"

# What builtin functions were made from: they read it up to their very end, and it is 32 bytes each.
_definitions: list[_MethodDef] = []


class _MethodDef(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("meth", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


def raise_error(program: Program, status: int, *details: int):
    """Raise what a program that returned ``status`` wants to say."""
    if status == OUT_OF_MEMORY:
        raise MemoryError(f"no room for {details[0]} bytes of working memory")
    if status == OUT_OF_BOUNDS:
        raise InternalError("a compiled program left one of its buffers.", why="this is a bug in jaxlite.")
    raise program.explain(status - 1, details)


@functools.cache
def register_symbols() -> None:
    """Give the names that entries use their addresses in this process."""
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
    engine.add_symbol("jl_new_array", _address_of_new_array())
    for name in (
        "PyContextVar_Get",
        "Py_IncRef",
        "Py_DecRef",
        "PyLong_AsLongLongAndOverflow",
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


def _c_api(name: str, result, *arguments):
    """Return a function of CPython's; one of our own, since what ``ctypes.pythonapi`` holds is everybody's."""
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


def _address_of_new_array() -> int:
    """Return where PyArray_NewFromDescr is."""
    get_pointer = _c_api("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    table = get_pointer(np._core.multiarray._ARRAY_API, None)
    return ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[_NEW_FROM_DESCR]


def make_entry(address: int, owner):
    """Return a builtin function from machine code with METH_FASTCALL's signature; it keeps ``owner`` alive."""
    definition = _MethodDef(b"program", address, _METH_FASTCALL, None)
    _definitions.append(definition)
    make = _c_api("PyCFunction_NewEx", ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    return make(ctypes.addressof(definition), owner, None)


class Program:
    """A compiled program of one jaxpr.

    Attributes
    ----------
    recorded : Jaxpr
        Before the passes.
    entry : builtin or None
        The machine entry; None where tapes go in or out, or the interpreter is not one that entries know.
    """

    __slots__ = (
        "__weakref__", "code", "entry", "explain_failure", "in_avals", "main", "out_avals", "recorded",
    )  # fmt: skip

    def __init__(self, recorded: Jaxpr, code, explain_failure):
        self.recorded, self.code, self.explain_failure = recorded, code, explain_failure
        self.in_avals, self.out_avals = recorded.in_avals, recorded.out_avals
        kind = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.py_object, ctypes.c_void_p)
        self.main = kind(code.address_of())
        has_entry = code.has_entry and entries_work()
        self.entry = make_entry(code.address_of("_entry"), self) if has_entry else None

    @property
    def jaxpr(self) -> Jaxpr:
        """The program after the passes, where host calls and errors find their equations."""
        return optimize(self.recorded)

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
        hands_out_tapes = any(isinstance(aval, Tape) for aval in self.out_avals)
        try:
            status = self.main(self, table.ctypes.data)
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
    """Return a value in the one form that the entry takes: a dense array of the dtype, or a Python number.

    Raises
    ------
    ArgumentError
        If the value has another shape or dtype: machine code would read past its end.
    """
    found = aval_of(x)
    may_become = found.weak_type and _KINDS.index(found.dtype.kind) <= _KINDS.index(aval.dtype.kind)
    if found.shape != aval.shape or not (found.dtype == aval.dtype or may_become):
        raise ArgumentError(
            f"an argument is {found}, but the program was compiled for {aval}.",
            fix="compile the program for this type too; jit(f) does so by itself.",
        )
    if type(x) in PYTHON_SCALAR_DTYPES:
        x = _numpy_scalar(x)
    if aval.weak_type:
        return aval.dtype.type(x).item()
    x = np.asarray(x)
    dtype = _PREFERRED.get(aval.dtype, aval.dtype)
    if x.dtype is not dtype or not x.flags.c_contiguous or not x.flags.aligned:
        dense = np.empty(aval.shape, dtype)
        dense[...] = x
        return dense
    return x.view(np.ndarray)


@functools.cache
def entries_work() -> bool:
    """Return whether entries suit this interpreter: the default build of CPython, checked by looking."""
    known = sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()
    works = known and _lies_as_expected() and _arrays_are_made()
    if known and not works:
        counters.add("num_failed_self_tests")
    return works


def _lies_as_expected() -> bool:
    """Whether the objects that entries read and write have their fields where entries look for them."""
    x = np.arange(6.0).reshape(2, 3)
    transposed = x.T  # held: what is read below must still be there
    at = id(x)
    checks = [
        _word(at + HEADER - 8) == id(np.ndarray),
        _word(at + DATA) == x.ctypes.data,
        _int(at + NDIM) == 2,
        [_word(_word(at + DIMENSIONS) + 8 * d) for d in range(2)] == [2, 3],
        _word(at + DESCR) == id(x.dtype) == id(np.dtype("d")),
        _int(at + FLAGS) & C_CONTIGUOUS_AND_ALIGNED == C_CONTIGUOUS_AND_ALIGNED,
        _int(id(transposed) + FLAGS) & C_CONTIGUOUS_AND_ALIGNED != C_CONTIGUOUS_AND_ALIGNED,
    ]
    for number in (2.5, 1.5 - 0.5j):
        expected = np.asarray(number).tobytes()
        checks.append(ctypes.string_at(id(number) + HEADER, len(expected)) == expected)
    for dtype in _DTYPES:
        scalar = dtype.type(1)
        checks.append(ctypes.string_at(id(scalar) + HEADER, dtype.itemsize) == scalar.tobytes())
    pair = (x, None)
    checks += [_word(id(pair) + tuple.__basicsize__ + 8 * k) == id(item) for k, item in enumerate(pair)]
    return all(checks)


def _arrays_are_made() -> bool:
    """Whether the function that makes results does, and takes over one reference to the dtype."""
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    kind = ctypes.PYFUNCTYPE(
        ctypes.py_object,
        ctypes.py_object,
        ctypes.py_object,
        integer,
        pointer,
        pointer,
        pointer,
        integer,
        pointer,
    )
    new_array = kind(_address_of_new_array())
    increase = _c_api("Py_IncRef", None, ctypes.py_object)
    # A dtype of our own: nothing else counts references to it meanwhile.
    dtype = np.dtype("f8", metadata={"of": "jaxlite"})
    dims = (ctypes.c_int64 * 2)(2, 3)
    before = sys.getrefcount(dtype)
    increase(dtype)
    made = new_array(Array, dtype, 2, ctypes.addressof(dims), None, None, 0, None)
    held = sys.getrefcount(dtype)
    fine = type(made) is Array and made.shape == (2, 3) and made.flags.c_contiguous and made.flags.owndata
    del made
    return fine and held == before + 1 and sys.getrefcount(dtype) == before


def _word(address: int) -> int:
    return ctypes.c_uint64.from_address(address).value


def _int(address: int) -> int:
    return ctypes.c_int32.from_address(address).value
