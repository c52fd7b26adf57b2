"""The CPython entry of a program: machine code that checks arguments, makes results, and runs the program.

    out = entry(x, y)          METH_FASTCALL; answers NO_MATCH unless x and y are just what was compiled for

A call costs some pointer comparisons and the making of the results: no Python code runs. Whatever does not match
exactly (another type, dtype, shape or layout; a traced value; a transformation under way; jit switched off) is left to
the general way. Addresses of Python objects are symbols, so that the code holds in another process.
"""

from __future__ import annotations

from jaxlite.codegen.boundary import (
    C_CONTIGUOUS_AND_ALIGNED,
    DATA,
    DESCR,
    DIMENSIONS,
    ERROR_WORDS,
    FLAGS,
    HEADER,
    NDIM,
    descr_symbol,
    scalar_symbol,
)
from jaxlite.ir import ShapedArray

DECLARATIONS = """
declare i32 @PyContextVar_Get(ptr, ptr, ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare ptr @PyTuple_New(i64)
declare ptr @PyObject_CallFunction(ptr, ptr, ...)
declare ptr @PyErr_Occurred()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @jl_new_array(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
@jl_ndarray_type = external global i8
@jl_array_type = external global i8
@jl_no_match = external global i8
@jl_trace_var = external global i8
@jl_eval_trace = external global i8
@jl_disable_var = external global i8
@jl_raise = external global i8
@jl_true = external global i8
@jl_false = external global i8
@jl_float_type = external global i8
@jl_int_type = external global i8
@jl_complex_type = external global i8
"""


# One function each for all arrays that go in and out: unrolled, they took most of the time of programs of 100 arrays.
# They are good enough as they are written: passes over them took LLVM a tenth of its time for a small program.
_HELPERS = f"""
define internal ptr @jl_take(ptr %obj, ptr %descr, i32 %ndim, ptr %dims) noinline optnone {{
  %kind_at = getelementptr i8, ptr %obj, i64 {HEADER - 8}
  %kind = load ptr, ptr %kind_at
  %plain = icmp eq ptr %kind, @jl_ndarray_type
  %ours = icmp eq ptr %kind, @jl_array_type
  %is_array = or i1 %plain, %ours
  br i1 %is_array, label %array, label %other
array:
  %descr_at = getelementptr i8, ptr %obj, i64 {DESCR}
  %its_descr = load ptr, ptr %descr_at
  %same_descr = icmp eq ptr %its_descr, %descr
  %ndim_at = getelementptr i8, ptr %obj, i64 {NDIM}
  %its_ndim = load i32, ptr %ndim_at
  %same_ndim = icmp eq i32 %its_ndim, %ndim
  %flags_at = getelementptr i8, ptr %obj, i64 {FLAGS}
  %flags = load i32, ptr %flags_at
  %layout = and i32 %flags, {C_CONTIGUOUS_AND_ALIGNED}
  %dense = icmp eq i32 %layout, {C_CONTIGUOUS_AND_ALIGNED}
  %alike = and i1 %same_descr, %same_ndim
  %fits = and i1 %alike, %dense
  %its_dims_at = getelementptr i8, ptr %obj, i64 {DIMENSIONS}
  %its_dims = load ptr, ptr %its_dims_at
  %data_at = getelementptr i8, ptr %obj, i64 {DATA}
  %data = load ptr, ptr %data_at
  br i1 %fits, label %head, label %other
head:
  %d = phi i32 [ 0, %array ], [ %next, %same ]
  %more = icmp slt i32 %d, %ndim
  br i1 %more, label %body, label %done
body:
  %n_at = getelementptr i64, ptr %dims, i32 %d
  %n = load i64, ptr %n_at
  %its_n_at = getelementptr i64, ptr %its_dims, i32 %d
  %its_n = load i64, ptr %its_n_at
  %equal = icmp eq i64 %n, %its_n
  br i1 %equal, label %same, label %other
same:
  %next = add i32 %d, 1
  br label %head
done:
  ret ptr %data
other:
  ret ptr null
}}
define internal ptr @jl_make(ptr %descr, i32 %ndim, ptr %dims) noinline optnone {{
  ; NumPy takes over one reference to the descriptor.
  call void @Py_IncRef(ptr %descr)
  %array = call ptr @jl_new_array(
    ptr @jl_array_type, ptr %descr, i32 %ndim, ptr %dims, ptr null, ptr null, i32 0, ptr null)
  ret ptr %array
}}
"""


class _Text:
    def __init__(self):
        self.lines: list[str] = []
        self.count = 0

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def new(self, rhs: str) -> str:
        self.count += 1
        self.line(f"%r{self.count} = {rhs}")
        return f"%r{self.count}"

    def label(self) -> str:
        self.count += 1
        return f"l{self.count}"

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")

    def require(self, condition: str, otherwise: str = "slow") -> None:
        ok = self.label()
        self.line(f"br i1 {condition}, label %{ok}, label %{otherwise}")
        self.start(ok)

    def field(self, obj: str, offset: int, kind: str) -> str:
        at = self.new(f"getelementptr i8, ptr {obj}, i64 {offset}")
        return self.new(f"load {kind}, ptr {at}")


def entry_text(
    key: str,
    in_avals: tuple[ShapedArray, ...],
    out_avals: tuple[ShapedArray, ...],
    *,
    release_gil: bool,
    may_leave_exceptions: bool = False,
) -> str:
    """Return the LLVM text of ``jl_KEY_entry(self, args, nargs)``.

    Parameters
    ----------
    key : str
        Of the program, whose ``jl_KEY(self, table)`` stands in the same module.
    in_avals, out_avals : tuple of ShapedArray
    release_gil : bool
        Whether other threads may run Python meanwhile.
    may_leave_exceptions : bool
        Whether what the program calls may set an exception that the program does not see.

    Returns
    -------
    str
        Of one result the entry returns the array, of any other number a tuple of new arrays.
    """
    b = _Text()
    num_in, num_out = len(in_avals), len(out_avals)
    symbols = {descr_symbol(a.dtype) for a in (*in_avals, *out_avals)}
    symbols |= {scalar_symbol(a.dtype) for a in in_avals if not a.shape}
    slots = num_in + num_out + 1
    b.line(f"%table = alloca [{slots} x ptr]")
    b.line(f"%error = alloca [{ERROR_WORDS} x i64]")
    b.line("%cell = alloca ptr")
    b.line("%flag = alloca i32")
    for k, aval in enumerate(in_avals):
        if not aval.shape:
            b.line(f"%in{k} = alloca [2 x i64]")
    b.require(b.new(f"icmp eq i64 %nargs, {num_in}"))
    for name, value in (("jl_trace_var", "jl_eval_trace"), ("jl_disable_var", "jl_false")):
        b.line(f"%{name}_status = call i32 @PyContextVar_Get(ptr @{name}, ptr null, ptr %cell)")
        current = b.new("load ptr, ptr %cell")
        # The variable has a default, so there is a value; the reference is ours to give back.
        b.line(f"call void @Py_DecRef(ptr {current})")
        b.require(b.new(f"icmp eq ptr {current}, @{value}"))
    shapes = {a.shape: f"@jl_{key}_shape{k}" for k, a in enumerate((*in_avals, *out_avals)) if a.shape}
    for k, aval in enumerate(in_avals):
        _argument(b, k, aval, shapes.get(aval.shape, "null"))
    for k, aval in enumerate(out_avals):
        _result(b, k, num_in, aval, shapes.get(aval.shape, "null"))
    b.line(f"%se = getelementptr ptr, ptr %table, i64 {num_in + num_out}")
    b.line("store ptr %error, ptr %se")
    if release_gil:
        b.line("%thread = call ptr @PyEval_SaveThread()")
    b.line(f"%status = call i64 @jl_{key}(ptr %self, ptr %table)")
    if release_gil:
        b.line("call void @PyEval_RestoreThread(ptr %thread)")
    b.line("%fine = icmp eq i64 %status, 0")
    b.line("br i1 %fine, label %done, label %failed")
    b.start("done")
    if may_leave_exceptions:
        b.require(b.new(f"icmp eq ptr {b.new('call ptr @PyErr_Occurred()')}, null"), f"drop{num_out}")
    if num_out == 1:
        b.line("ret ptr %out0")
    else:
        b.line(f"%tuple = call ptr @PyTuple_New(i64 {num_out})")
        b.require(b.new("icmp ne ptr %tuple, null"), f"drop{num_out}")
        for k in range(num_out):
            at = b.new(f"getelementptr i8, ptr %tuple, i64 {tuple.__basicsize__ + 8 * k}")
            b.line(f"store ptr %out{k}, ptr {at}")
        b.line("ret ptr %tuple")
    b.start("failed")
    # A signal handler's exception is set already.
    pending = b.new("call ptr @PyErr_Occurred()")
    b.require(b.new(f"icmp eq ptr {pending}, null"), f"drop{num_out}")
    details = []
    for k in range(4):
        at = b.new(f"getelementptr i64, ptr %error, i64 {k}")
        details.append("i64 " + b.new(f"load i64, ptr {at}"))
    b.line(
        f"call ptr (ptr, ptr, ...) @PyObject_CallFunction(ptr @jl_raise, ptr @jl_{key}_format, "
        f"ptr %self, i64 %status, {', '.join(details)})"
    )
    # Where something fails, the results made so far are given back, each block going on to the next.
    b.line(f"br label %drop{num_out}")
    for k in reversed(range(num_out)):
        b.start(f"drop{k + 1}")
        b.line(f"call void @Py_DecRef(ptr %out{k})")
        b.line(f"br label %drop{k}")
    b.start("drop0")
    b.line("ret ptr null")
    b.start("slow")
    b.line("call void @Py_IncRef(ptr @jl_no_match)")
    b.line("ret ptr @jl_no_match")
    head = [f"@{name} = external global i8" for name in sorted(symbols)]
    for shape, name in shapes.items():
        dims = ", ".join(f"i64 {n}" for n in shape)
        head.append(f"{name} = private constant [{len(shape)} x i64] [{dims}]")
    head.append(f'@jl_{key}_format = private constant [7 x i8] c"OLLLLL\\00"')
    head.append(f"define ptr @jl_{key}_entry(ptr %self, ptr %args, i64 %nargs) {{")
    return "\n".join([_HELPERS, *head, *b.lines, "}"])


def _argument(b: _Text, k: int, aval: ShapedArray, dims: str) -> None:
    """Check one argument and put its address into the table."""
    obj = b.new(f"getelementptr ptr, ptr %args, i64 {k}")
    obj = b.new(f"load ptr, ptr {obj}")
    slot = b.new(f"getelementptr ptr, ptr %table, i64 {k}")
    if aval.weak_type:
        _python_scalar(b, k, aval, obj, b.field(obj, HEADER - 8, "ptr"))
        b.line(f"store ptr %in{k}, ptr {slot}")
        return
    taken = (
        f"call ptr @jl_take(ptr {obj}, ptr @{descr_symbol(aval.dtype)}, i32 {len(aval.shape)}, ptr {dims})"
    )
    if aval.shape:
        data = b.new(taken)
        b.require(b.new(f"icmp ne ptr {data}, null"))
        b.line(f"store ptr {data}, ptr {slot}")
        return
    kind = b.field(obj, HEADER - 8, "ptr")
    scalar, array, joined = b.label(), b.label(), b.label()
    is_scalar = b.new(f"icmp eq ptr {kind}, @{scalar_symbol(aval.dtype)}")
    b.line(f"br i1 {is_scalar}, label %{scalar}, label %{array}")
    b.start(scalar)
    value = b.new(f"getelementptr i8, ptr {obj}, i64 {HEADER}")
    b.line(f"store ptr {value}, ptr {slot}")
    b.line(f"br label %{joined}")
    b.start(array)
    if aval.dtype.kind == "b":
        _python_bool(b, k, obj, slot, joined)
    data = b.new(taken)
    b.require(b.new(f"icmp ne ptr {data}, null"))
    b.line(f"store ptr {data}, ptr {slot}")
    b.line(f"br label %{joined}")
    b.start(joined)


def _python_bool(b: _Text, k: int, obj: str, slot: str, joined: str) -> None:
    """Take True and False, which are of one type with NumPy's bools."""
    known, other = b.label(), b.label()
    yes, no = b.new(f"icmp eq ptr {obj}, @jl_true"), b.new(f"icmp eq ptr {obj}, @jl_false")
    b.line(f"br i1 {b.new(f'or i1 {yes}, {no}')}, label %{known}, label %{other}")
    b.start(known)
    b.line(f"store i8 {b.new(f'zext i1 {yes} to i8')}, ptr %in{k}")
    b.line(f"store ptr %in{k}, ptr {slot}")
    b.line(f"br label %{joined}")
    b.start(other)


def _python_scalar(b: _Text, k: int, aval: ShapedArray, obj: str, kind: str) -> None:
    """Check a Python number and put its value where ``%ink`` points."""
    if aval.dtype.kind == "i":
        b.require(b.new(f"icmp eq ptr {kind}, @jl_int_type"))
        value = b.new(f"call i64 @PyLong_AsLongLongAndOverflow(ptr {obj}, ptr %flag)")
        b.require(b.new(f"icmp eq i32 {b.new('load i32, ptr %flag')}, 0"))
        b.line(f"store i64 {value}, ptr %in{k}")
    elif aval.dtype.kind == "f":
        b.require(b.new(f"icmp eq ptr {kind}, @jl_float_type"))
        b.line(f"store double {b.field(obj, HEADER, 'double')}, ptr %in{k}")
    else:
        b.require(b.new(f"icmp eq ptr {kind}, @jl_complex_type"))
        for part in range(2):
            at = b.new(f"getelementptr double, ptr %in{k}, i64 {part}")
            b.line(f"store double {b.field(obj, HEADER + 8 * part, 'double')}, ptr {at}")


def _result(b: _Text, k: int, num_in: int, aval: ShapedArray, dims: str) -> None:
    """Make one result through NumPy and put its address into the table."""
    b.line(f"%out{k} = call ptr @jl_make(ptr @{descr_symbol(aval.dtype)}, i32 {len(aval.shape)}, ptr {dims})")
    b.require(b.new(f"icmp ne ptr %out{k}, null"), f"drop{k}")
    slot = b.new(f"getelementptr ptr, ptr %table, i64 {num_in + k}")
    b.line(f"store ptr {b.field(f'%out{k}', DATA, 'ptr')}, ptr {slot}")
