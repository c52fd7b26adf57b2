"""Emit a loop program as LLVM text.

    v1 = x[2*i0 + 1]        ->    %7 = mul nsw i64 %i, 2
                                  %8 = getelementptr double, ptr %b0, i64 %7
                                  %9 = getelementptr double, ptr %8, i64 1
                                  %10 = load double, ptr %9

A program becomes three kinds of functions: ``jl_KEY(self, table)``, which takes the addresses of inputs and outputs
from a table; ``jl_KEY_body``, which gets them as arguments that do not alias; and one for each outlined kernel, since
LLVM's time grows faster than the size of a function. All return 0, or the number of a failed check plus one, or -1
when a Python exception waits.

Text is written directly: building it from objects first takes ten times as long.
"""

from __future__ import annotations

from jaxlite.codegen import vector_math
from jaxlite.codegen.boundary import OUT_OF_BOUNDS, OUT_OF_MEMORY, PYTHON_ERROR
from jaxlite.codegen.cost import polling_interval, polls_between_parts
from jaxlite.codegen.external import ROUTINES, TRANSFORMS
from jaxlite.codegen.linking import divided, used_in
from jaxlite.codegen.loops import (
    POINTER,
    Address,
    Affine,
    Base,
    Buffer,
    Call,
    Carry,
    Check,
    For,
    Host,
    Kernel,
    Let,
    Load,
    LoopProgram,
    Operand,
    Scalar,
    Store,
    Switch,
    While,
    blocks,
    walk,
)
from jaxlite.codegen.memory import ALIGNMENT, copy_bytes, touched
from jaxlite.codegen.operations import OPERATIONS, intrinsic, llvm_const, llvm_type, memory_type
from jaxlite.codegen.tapes import DECLARATIONS, INLINED, TAPE_ROUTINES

# Steps of a sequential loop that is taken to be unrolled.
LONGEST_UNROLLED = 16
# Steps up to which a vectorised loop may be unrolled; beyond, LLVM's work on it gained nothing.
LONGEST_VECTORISED_UNROLLED = 128
_NOT_UNROLLED = '!{!"llvm.loop.unroll.disable"}'
_SCOPE = "llvm.experimental.noalias.scope.decl"
# Steps up to which LLVM writes out a loop that little more than calls functions.
LONGEST_OF_CALLS = 64

# Ways back to CPython; each with the lines it needs. What they raise stays set in the thread, and the program leaves.
_PYTHON = {
    "poll": (
        ("declare i32 @PyErr_CheckSignals()",),
        """define internal i64 @jl_poll() noinline cold {
  %state = call i32 @PyGILState_Ensure()
  %set = call i32 @PyErr_CheckSignals()
  call void @PyGILState_Release(i32 %state)
  %status = sext i32 %set to i64
  ret i64 %status
}""",
    ),
    "host": (
        (
            "declare ptr @PyObject_CallFunction(ptr, ptr, ...)",
            "declare void @Py_DecRef(ptr)",
            "@jl_host = external global i8",
        ),
        """@jl_host_format = private constant [4 x i8] c"OLL\\00"
define internal i64 @jl_call_host(ptr %self, i64 %site, ptr %table) noinline {
  %state = call i32 @PyGILState_Ensure()
  %done = call ptr (ptr, ptr, ...) @PyObject_CallFunction(
    ptr @jl_host, ptr @jl_host_format, ptr %self, i64 %site, ptr %table)
  %failed = icmp eq ptr %done, null
  br i1 %failed, label %leave, label %drop
drop:
  call void @Py_DecRef(ptr %done)
  br label %leave
leave:
  call void @PyGILState_Release(i32 %state)
  %status = sext i1 %failed to i64
  ret i64 %status
}""",
    ),
}
# Registers that a call of exp overwrites are kept on the stack: where they crossed cache lines, as happened by chance,
# loops took 22 % longer.
_ATTRIBUTES = "noinline alignstack(64)"
# Buffers of a kernel beyond which nothing is said about aliasing: the lists grow with the square of their number.
MOST_SCOPES = 64
_GIL = ("declare i32 @PyGILState_Ensure()", "declare void @PyGILState_Release(i32)")


class Module:
    """The text of one program: functions, declarations, constants and metadata."""

    def __init__(self, key: str, registers: tuple[int, ...] = ()):
        self.key = key
        self.registers = registers
        self.vector_functions: dict[str, None] = {}
        # Kernels, and what runs them.
        self.functions: list[str] = []
        self.beginning: list[str] = []
        self.declarations: dict[str, str] = {}
        self.globals: list[str] = []
        self.metadata: dict[str, int] = {}
        self.python: set[str] = set()
        self.tapes = False
        self.num_parts = 0

    def declare(self, name: str, signature: str) -> None:
        self.declarations[name] = signature

    def use_tapes(self) -> None:
        self.tapes = True
        self.declarations.update(DECLARATIONS)

    def declare_function(self, name: str, dtype) -> str:
        """Declare a function of the vector mathematics and its variants; returns its symbol."""
        lines = vector_math.declarations(name, dtype, self.registers)
        self.declarations.update(lines)
        symbol, *variants = lines
        self.vector_functions.update(dict.fromkeys(variants))
        return symbol

    @property
    def external(self) -> tuple[str, ...]:
        """Routines that must have an address before the program is loaded."""
        return tuple(sorted(name for name in self.declarations if name.startswith("jl_")))

    def metadata_node(self, text: str) -> str:
        """Return the node of this text, which all who ask for it share."""
        return f"!{self.metadata.setdefault(text, len(self.metadata))}"

    def loop_as_it_is(self) -> str:
        """Return metadata for a loop that is not to be unrolled."""
        return self.loop_hints(_NOT_UNROLLED)

    def loop_vectorised_first(self, is_long: bool) -> str:
        """Return metadata for a loop that is not unrolled before it is vectorised, nor after it where it is long.

        Unrolled first, short loops end as scalar code: the gradients of 128 small MLPs took twice as long.
        """
        done = self.metadata_node('!{!"llvm.loop.isvectorized", i32 1}')
        vectorised = f"{done}, {self.metadata_node(_NOT_UNROLLED)}" if is_long else done
        return self.loop_hints(
            _NOT_UNROLLED,
            f'!{{!"llvm.loop.vectorize.followup_vectorized", {vectorised}}}',
            f'!{{!"llvm.loop.vectorize.followup_epilogue", {done}}}',
        )

    def loop_hints(self, *hints: str) -> str:
        """Return metadata of one loop."""
        nodes = [self.metadata_node(hint) for hint in hints]
        return self.metadata_node(f"distinct !{{!{len(self.metadata)}, {', '.join(nodes)}}}")

    def texts(self, most: int = 1) -> list[str]:
        """Return the program as modules that can be compiled side by side; the first one holds its beginning."""
        nodes = [f"!{number} = {text}" for text, number in self.metadata.items()]
        support = []
        for way in sorted(self.python):
            lines, text = _PYTHON[way]
            for line in (*_GIL, *lines):
                self.declare(line, line)
            support.append(text)
        if self.vector_functions:
            # Only the vectoriser will call them: they must not be dropped before.
            pointers = ", ".join(f"ptr @{name}" for name in self.vector_functions)
            used = f"@llvm.compiler.used = appending global [{len(self.vector_functions)} x ptr] [{pointers}]"
            support.append(f'{used}, section "llvm.metadata"')
        if self.tapes:
            support.append(INLINED)
        head, groups = [*self.declarations.values(), *support], divided(self.functions, self.beginning, most)
        return ["\n".join([*head, *used_in(g, self.globals), *g, *nodes, ""]) for g in groups]


def emit(
    program: LoopProgram, key: str, *, bounds_checks: bool = False, registers: tuple[int, ...] = ()
) -> Module:
    """Write a program as LLVM text.

    Parameters
    ----------
    program : LoopProgram
        With its memory planned.
    key : str
        Part of every symbol: machine code of two programs can never be taken for one another.
    bounds_checks : bool
        Check every access to a buffer of known size; a wild one leaves the program with site -2 (for tests).
    registers : tuple of int
        Bytes of the registers that functions such as exp may take whole.

    Returns
    -------
    Module
        Its ``texts()`` define ``i64 jl_KEY(ptr self, ptr table)``.
    """
    module = Module(key, registers)
    body = _Function(module, f"jl_{key}_body", bounds_checks)
    formals = ["ptr %self", "ptr %error", "ptr %arena"]
    operands = ["ptr %self", "ptr %error", "ptr %arena"]
    wrapper = []
    for position, buffer in enumerate([*program.inputs, *program.outputs]):
        kind = "noalias readonly" if buffer.place == "input" else "noalias"
        formals.append(f"ptr {kind} %p{position}")
        body.bases[buffer] = f"%p{position}"
        wrapper += [
            f"  %s{position} = getelementptr ptr, ptr %table, i64 {position}",
            f"  %a{position} = load ptr, ptr %s{position}",
        ]
        operands.append(f"ptr %a{position}")
    for buffer in program.buffers:
        body.place(buffer)
    body.block(program.body)
    body.line("ret i64 0")
    module.beginning.append(body.text(formals, "define internal i64"))
    module.beginning.append(_wrapper(module, program, wrapper, operands))
    return module


def _wrapper(module: Module, program: LoopProgram, loads: list[str], operands: list[str]) -> str:
    """Return the function that unpacks the table and takes the arena, from the pool or the stack."""
    slot = len(program.inputs) + len(program.outputs)
    lines = [f"define i64 @jl_{module.key}(ptr %self, ptr %table) {{", *loads]
    lines += [f"  %se = getelementptr ptr, ptr %table, i64 {slot}", "  %error = load ptr, ptr %se"]
    if program.hands_out_tapes:
        module.use_tapes()
        module.beginning.append(
            f"define void @jl_{module.key}_free(ptr %error) {{\n  call void @jl_tapes_free(ptr %error)\n  ret void\n}}"
        )
    call = f"call i64 @jl_{module.key}_body({', '.join(operands)})"
    if not program.has_arena_on_stack:
        module.globals.append(_POOL)
        module.declare("malloc", "declare ptr @malloc(i64)")
        module.declare("free", "declare void @free(ptr)")
        lines += [
            f"  %arena = call ptr @jl_take_arena(i64 {program.arena_bytes})",
            "  %missing = icmp eq ptr %arena, null",
            "  br i1 %missing, label %full, label %run",
            "full:",
            f"  store i64 {program.arena_bytes}, ptr %error",
            f"  ret i64 {OUT_OF_MEMORY}",
            "run:",
        ]
    else:
        lines += [f"  %arena = alloca [{program.arena_bytes} x i8], align {ALIGNMENT}"]
    if module.tapes:
        lines += ["  call void @jl_tapes_take(ptr %error)"]
    lines += [f"  %status = {call}"]
    if module.tapes and not program.hands_out_tapes:
        lines += ["  call void @jl_tapes_free(ptr %error)"]
    if not program.has_arena_on_stack:
        lines += ["  call void @jl_give_arena(ptr %arena)"]
    return "\n".join([*lines, "  ret i64 %status", "}"])


# One block of memory is kept between calls, shared by all programs of the process: who takes it leaves null behind,
# so that a second caller (a thread, or a callback that comes back in) makes its own. A block starts with its size,
# 64 bytes before what the program sees.
_POOL = """
@jl_pool = external global ptr
define internal ptr @jl_take_arena(i64 %size) {
  %kept = atomicrmw xchg ptr @jl_pool, ptr null acq_rel
  %none = icmp eq ptr %kept, null
  br i1 %none, label %make, label %look
look:
  %has = load i64, ptr %kept
  %fits = icmp uge i64 %has, %size
  br i1 %fits, label %use, label %grow
use:
  %inner = getelementptr i8, ptr %kept, i64 64
  ret ptr %inner
grow:
  %before = getelementptr i8, ptr %kept, i64 8
  %raw = load ptr, ptr %before
  call void @free(ptr %raw)
  br label %make
make:
  %more = add i64 %size, 128
  %block = call ptr @malloc(i64 %more)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %out, label %made
out:
  ret ptr null
made:
  %address = ptrtoint ptr %block to i64
  %up = add i64 %address, 63
  %aligned = and i64 %up, -64
  %start = inttoptr i64 %aligned to ptr
  store i64 %size, ptr %start
  %after = getelementptr i8, ptr %start, i64 8
  store ptr %block, ptr %after
  %usable = getelementptr i8, ptr %start, i64 64
  ret ptr %usable
}
define internal void @jl_give_arena(ptr %arena) {
  %start = getelementptr i8, ptr %arena, i64 -64
  %old = atomicrmw xchg ptr @jl_pool, ptr %start acq_rel
  %none = icmp eq ptr %old, null
  br i1 %none, label %done, label %drop
drop:
  %before = getelementptr i8, ptr %old, i64 8
  %raw = load ptr, ptr %before
  call void @free(ptr %raw)
  br label %done
done:
  ret void
}
"""


class _Function:
    """One function while it is written."""

    def __init__(self, module: Module, name: str, bounds_checks: bool):
        self.module = module
        self.name = name
        self.bounds_checks = bounds_checks
        self.entry: list[str] = []
        self.lines: list[str] = []
        self.bases: dict[Buffer, str] = {}
        self.registers: dict[Scalar, str] = {}
        self.accumulations: frozenset[Scalar] = frozenset()
        # Whether elements are computed side by side: inside a loop whose steps do not wait for each other.
        self.side_by_side = False
        # Calls of functions that may be vectorised, so far.
        self.vector_calls = 0
        # Scalars of which the block asks for both sine and cosine: the register of both, once it is there.
        self.angles: dict[Scalar, str | None] = {}
        self.scopes: dict[Buffer, str] = {}
        self.label = "top"
        self.num_names = 0
        # Whether threads run it, which must not look at Ctrl-C.
        self.in_part = False

    # --- text

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def name_of_new(self, prefix: str = "v") -> str:
        self.num_names += 1
        return f"{prefix}{self.num_names}"

    def emit(self, rhs: str) -> str:
        """Assign a new register; what operations write through."""
        register = "%" + self.name_of_new()
        if rhs.startswith("fmul "):
            rhs = "fmul contract" + rhs[4:]
        self.lines.append(f"  {register} = {rhs}")
        return register

    def alloca(self, type_text: str) -> str:
        register = "%" + self.name_of_new("m")
        self.entry.append(f"  {register} = alloca {type_text}, align 64")
        return register

    def declare(self, name: str, signature: str) -> None:
        self.module.declare(name, signature)

    def function(self, name: str, dtype, texts) -> str:
        """Call a function of the vector mathematics."""
        self.vector_calls += 1
        symbol, kind = self.module.declare_function(name, dtype), llvm_type(dtype)
        results = vector_math.FUNCTIONS[name].results
        result = kind if results == 1 else f"{{ {', '.join([kind] * results)} }}"
        return self.emit(f"call {result} @{symbol}({', '.join(f'{kind} {t}' for t in texts)})")

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.label = label

    def text(self, formals: list[str], head: str, attributes: str = "") -> str:
        return "\n".join(
            [
                f"{head} @{self.name}({', '.join(formals)}) {attributes} {{",
                "entry:",
                *self.entry,
                "  br label %top",
                "top:",
            ]
            + self.lines
            + ["}"]
        )

    # --- operands

    def read(self, operand: Operand) -> str:
        return (
            self.registers[operand] if type(operand) is Scalar else llvm_const(operand.value, operand.dtype)
        )

    def typed(self, operand: Operand) -> str:
        return f"{llvm_type(operand.dtype)} {self.read(operand)}"

    def place(self, buffer: Buffer) -> None:
        """Decide how the buffer's address is had in this function."""
        memory = memory_type(buffer.dtype)
        if buffer.place == "arena":
            whole = "%arena" if buffer.within is None else self.bases[buffer.within]
            self.bases[buffer] = self.in_entry(f"getelementptr i8, ptr {whole}, i64 {buffer.offset}")
        elif buffer.place == "stack":
            self.bases[buffer] = self.alloca(f"[{max(buffer.size, 1)} x {memory}]")
        elif buffer.place == "data":
            name = f"@jl_{self.module.key}_data_{buffer.name}"
            values = ", ".join(f"{memory} {_memory_const(v, buffer.dtype)}" for v in buffer.data.ravel())
            array = f"[{buffer.size} x {memory}]"
            self.module.globals.append(f"{name} = private constant {array} [{values}]")
            self.bases[buffer] = name

    def in_entry(self, rhs: str) -> str:
        register = "%" + self.name_of_new("b")
        self.entry.append(f"  {register} = {rhs}")
        return register

    def affine(self, index: Affine) -> tuple[str | None, int]:
        """Return the register of the variable part of an index, if there is one, and the constant part."""
        total = None
        for scalar, factor in index.terms:
            term = self.read(scalar)
            if factor != 1:
                term = self.emit(f"mul nsw i64 {term}, {factor}")
            total = term if total is None else self.emit(f"add nsw i64 {total}, {term}")
        return total, index.constant

    def address(self, buffer: Buffer, index: Affine) -> str:
        base = self.registers[buffer.base] if buffer.place == "pointer" else self.bases[buffer]
        variable, constant = self.affine(index)
        if self.bounds_checks and buffer.size and buffer.place != "pointer":
            self.check_bounds(buffer, variable, constant)
        memory = memory_type(buffer.dtype)
        if variable is not None:
            base = self.emit(f"getelementptr {memory}, ptr {base}, i64 {variable}")
        if constant:
            base = self.emit(f"getelementptr {memory}, ptr {base}, i64 {constant}")
        return base

    def check_bounds(self, buffer: Buffer, variable: str | None, constant: int) -> None:
        index = self.emit(f"add i64 {variable or 0}, {constant}")
        inside = self.emit(f"icmp ult i64 {index}, {buffer.size}")
        self.leave_unless(inside, OUT_OF_BOUNDS)

    def leave_unless(self, condition: str, status: int | str, before=()) -> None:
        fine, failed = self.name_of_new("ok"), self.name_of_new("fail")
        self.line(f"br i1 {condition}, label %{fine}, label %{failed}")
        self.start(failed)
        for text in before:
            self.line(text)
        self.line(f"ret i64 {status}")
        self.start(fine)

    # --- statements

    def block(self, body: list) -> None:
        outer, self.angles = self.angles, _angles(body)
        for statement in body:
            _EMIT[type(statement)](self, statement)
        self.angles = outer

    def let(self, s: Let) -> None:
        if s.op in ("sin", "cos") and s.args[0] in self.angles:
            self.registers[s.out] = self.sine_or_cosine(s)
            return
        types = tuple(a.dtype for a in s.args)
        texts = tuple(map(self.read, s.args))
        if s.out in self.accumulations and s.op == "add" and s.out.dtype.kind == "f":
            kind = llvm_type(s.out.dtype)
            # Reassociation, so that a sum becomes several sums side by side, and fused multiply-add.
            self.registers[s.out] = self.emit(f"fadd reassoc contract {kind} {texts[0]}, {texts[1]}")
        elif s.out in self.accumulations and s.op in ("max", "min") and s.out.dtype.kind == "f":
            # The form of which the vectoriser knows that the order does not count; which of 0.0 and -0.0 it is neither.
            self.registers[s.out] = intrinsic(self, f"{s.op}imum", s.out.dtype, texts, "nsz ")
        else:
            self.registers[s.out] = OPERATIONS[s.op].llvm(self, s.out.dtype, types, texts)

    def sine_or_cosine(self, s: Let) -> str:
        """Take one of both, which are computed together where the first of them is asked for."""
        (angle,), kind = s.args, llvm_type(s.out.dtype)
        if self.angles[angle] is None:
            self.angles[angle] = self.function("sincos", angle.dtype, (self.read(angle),))
        return self.emit(f"extractvalue {{ {kind}, {kind} }} {self.angles[angle]}, {int(s.op == 'cos')}")

    def load(self, s: Load) -> None:
        memory = memory_type(s.buffer.dtype)
        address = self.address(s.buffer, s.index)
        value = self.emit(f"load {memory}, ptr {address}{self.scopes.get(s.buffer, '')}")
        if s.buffer.dtype.kind == "b":
            value = self.emit(f"icmp ne i8 {value}, 0")
        self.registers[s.out] = value

    def store(self, s: Store) -> None:
        memory = memory_type(s.buffer.dtype)
        value = self.read(s.value)
        if s.buffer.dtype.kind == "b":
            value = self.emit(f"zext i1 {value} to i8")
        address = self.address(s.buffer, s.index)
        self.line(f"store {memory} {value}, ptr {address}{self.scopes.get(s.buffer, '')}")

    def base(self, s: Base) -> None:
        self.registers[s.out] = self.address(s.buffer, s.index)

    def for_(self, s: For) -> None:
        if s.kind == "parts":
            self.parts(s)
            return
        step = s.step
        start, stop = self.read(s.start), self.read(s.stop)
        indices, known = s.indices, s.indices is not None
        if known and not indices:
            for carry in s.carries:
                self.registers[carry.result] = self.read(carry.init)
            return
        loop, latch, done = (self.name_of_new(p) for p in ("loop", "latch", "done"))
        before = self.label
        inits = [self.read(c.init) for c in s.carries]
        if known:
            self.line(f"br label %{loop}")
        else:
            some = self.emit(f"icmp {'slt' if step > 0 else 'sgt'} i64 {start}, {stop}")
            self.line(f"br i1 {some}, label %{loop}, label %{done}")
        self.start(loop)
        index, following = "%" + self.name_of_new("i"), "%" + self.name_of_new("n")
        phis = len(self.lines)
        self.registers[s.index] = index
        for carry in s.carries:
            self.registers[carry.inside] = "%" + self.name_of_new("c")
        outer, alone = self.accumulations, self.side_by_side
        # A short sequential loop is unrolled, and does not keep the one around it from being vectorised.
        short = known and len(indices) <= LONGEST_UNROLLED
        self.side_by_side = s.kind != "serial" or (alone and short)
        if s.kind == "reduce":
            self.accumulations = outer | {c.next for c in s.carries if type(c.next) is Scalar}
        before_body = self.vector_calls
        self.block(s.body)
        self.accumulations, self.side_by_side = outer, alone
        self.poll(s, index)
        nexts = [self.read(c.next) for c in s.carries]
        self.line(f"br label %{latch}")
        self.start(latch)
        self.line(f"{following} = add nsw i64 {index}, {step}")
        more = self.emit(f"icmp {'slt' if step > 0 else 'sgt'} i64 {following}, {stop}")
        kept = ""
        written_out = known and len(indices) <= LONGEST_OF_CALLS and s.kind != "serial"
        calls = written_out and self.vector_calls > before_body and not (s.carries and len(indices) < 8)
        if calls or s.as_it_is or (s.polls and self.in_part):
            # LLVM unrolls short loops before it vectorises, and functions would be called one element after the other.
            # Loops that elsewhere look at Ctrl-C are sequential: unrolled, a sort compiled twice as long.
            kept = f", !llvm.loop {self.module.loop_as_it_is()}"
        elif short and any(map(_is_long, s.body)):
            # To write out loops around long ones gains nothing, and LLVM takes ten times as long for ten of them.
            kept = f", !llvm.loop {self.module.loop_as_it_is()}"
        elif not short and s.kind != "serial" and not any(isinstance(t, For | While) for t in walk(s.body)):
            is_long = not known or len(indices) > LONGEST_VECTORISED_UNROLLED
            kept = f", !llvm.loop {self.module.loop_vectorised_first(is_long)}"
        self.line(f"br i1 {more}, label %{loop}, label %{done}{kept}")
        heads = [f"  {index} = phi i64 [ {start}, %{before} ], [ {following}, %{latch} ]"]
        heads += self.heads_of(s.carries, inits, before, nexts, latch)
        self.lines[phis:phis] = heads
        self.start(done)
        for carry, init, value in zip(s.carries, inits, nexts, strict=True):
            kind = llvm_type(carry.inside.dtype)
            skipped = "" if known else f"[ {init}, %{before} ], "
            self.registers[carry.result] = self.emit(f"phi {kind} {skipped}[ {value}, %{latch} ]")

    def parts(self, s: For) -> None:
        """Launch threads for the steps of a loop.

        i64 jl_KEY_part0(self, error, part, thread, …)     the steps of one part
        i64 jl_KEY_part0_of(context, part, thread)         the same for the pool: takes the rest from a table
        """
        scalars, buffers = free_names(s.body)
        scalars = [x for x in scalars if x is not s.index]
        buffers = [b for b in buffers if b.copies == 1 or b.place != "stack"]
        self.module.num_parts += 1
        inner, formals, operands = self.inner(f"part{self.module.num_parts - 1}", scalars, buffers)
        inner.in_part = True
        inner.registers[s.index] = "%part"
        own = list(dict.fromkeys(b for t in walk(s.body) for b in touched(t) if b.copies > 1))
        for buffer in own:
            if buffer.place == "stack":
                inner.place(buffer)
                continue
            offset = inner.in_entry(f"mul i64 %thread, {copy_bytes(buffer)}")
            inner.bases[buffer] = inner.in_entry(f"getelementptr i8, ptr {inner.bases[buffer]}, i64 {offset}")
        inner.block(s.body)
        inner.line("ret i64 0")
        formals = ["i64 %part", "i64 %thread", *formals]
        self.module.functions.append(inner.text(formals, "define i64", _ATTRIBUTES))
        context = self.alloca(f"[{len(operands)} x i64]")
        loads, given = [], ["i64 %part", "i64 %thread"]
        for k, operand in enumerate(operands):
            kind = operand.split(" ")[0]
            self.line(f"store {operand}, ptr {self.emit(f'getelementptr i64, ptr {context}, i64 {k}')}")
            loads += [
                f"  %s{k} = getelementptr i64, ptr %context, i64 {k}",
                f"  %a{k} = load {kind}, ptr %s{k}",
            ]
            given.append(f"{kind} %a{k}")
        taker = f"{inner.name}_of"
        lines = [
            f"define i64 @{taker}(ptr %context, i64 %part, i64 %thread) {{",
            *loads,
            f"  %status = call i64 @{inner.name}({', '.join(given)})",
            "  ret i64 %status",
            "}",
        ]
        self.module.functions.append("\n".join(lines))
        self.declare("jl_launch", "declare i64 @jl_launch(ptr, ptr, i64, ptr, i1)")
        polls = polls_between_parts(s)
        if polls:
            self.module.python.add("poll")
        poll = "@jl_poll" if polls else "null"
        calls = {t.symbol for t in walk(s.body) if isinstance(t, Call)}
        blas = "true" if calls - set(TRANSFORMS) else "false"
        given = f"ptr @{taker}, ptr {context}, i64 {s.stop.value}, ptr {poll}, i1 {blas}"
        status = self.emit(f"call i64 @jl_launch({given})")
        if polls or self.bounds_checks or calls & set(TRANSFORMS):
            self.leave_unless(self.emit(f"icmp eq i64 {status}, 0"), status)

    def heads_of(self, carries: list[Carry], inits: list[str], before: str, nexts: list[str], latch: str):
        """Return the lines that give carries their values at the head of a loop."""
        return [
            f"  {self.registers[c.inside]} = phi {llvm_type(c.inside.dtype)} "
            f"[ {init}, %{before} ], [ {value}, %{latch} ]"
            for c, init, value in zip(carries, inits, nexts, strict=True)
        ]

    def poll(self, s: For | While, index: str) -> None:
        """Look at Ctrl-C after so many steps that it does not cost anything."""
        every = polling_interval(s)
        if not every or self.in_part:
            return
        self.module.python.add("poll")
        low = self.emit(f"and i64 {index}, {every - 1}")
        due = self.emit(f"icmp eq i64 {low}, {every - 1}")
        ask, on = self.name_of_new("ask"), self.name_of_new("on")
        self.line(f"br i1 {due}, label %{ask}, label %{on}")
        self.start(ask)
        status = self.emit("call i64 @jl_poll()")
        quiet = self.emit(f"icmp eq i64 {status}, 0")
        self.leave_unless(quiet, PYTHON_ERROR)
        self.line(f"br label %{on}")
        self.start(on)

    def while_(self, s: While) -> None:
        loop, body, done = (self.name_of_new(p) for p in ("loop", "body", "done"))
        before, alone, self.side_by_side = self.label, self.side_by_side, False
        inits = [self.read(c.init) for c in s.carries]
        self.line(f"br label %{loop}")
        self.start(loop)
        count, following = "%" + self.name_of_new("i"), "%" + self.name_of_new("n")
        phis = len(self.lines)
        for carry in s.carries:
            self.registers[carry.inside] = "%" + self.name_of_new("c")
        self.block(s.test)
        tested = self.label
        self.line(f"br i1 {self.read(s.condition)}, label %{body}, label %{done}")
        self.start(body)
        self.block(s.body)
        self.poll(s, count)
        self.line(f"{following} = add nuw i64 {count}, 1")
        nexts = [self.read(c.next) for c in s.carries]
        latch = self.label
        self.line(f"br label %{loop}")
        heads = [f"  {count} = phi i64 [ 0, %{before} ], [ {following}, %{latch} ]"]
        heads += self.heads_of(s.carries, inits, before, nexts, latch)
        self.lines[phis:phis] = heads
        self.start(done)
        self.side_by_side = alone
        for carry in s.carries:
            kind = llvm_type(carry.inside.dtype)
            self.registers[carry.result] = self.emit(
                f"phi {kind} [ {self.registers[carry.inside]}, %{tested} ]"
            )

    def switch(self, s: Switch) -> None:
        labels = [self.name_of_new("case") for _ in s.branches]
        join = self.name_of_new("join")
        index = self.read(s.index)
        cases = " ".join(f"i64 {i}, label %{label}" for i, label in enumerate(labels[:-1]))
        self.line(f"switch i64 {index}, label %{labels[-1]} [ {cases} ]")
        incoming: list[list[str]] = [[] for _ in s.results]
        for label, branch, values in zip(labels, s.branches, s.values, strict=True):
            self.start(label)
            self.block(branch)
            for column, value in zip(incoming, values, strict=True):
                column.append(f"[ {self.read(value)}, %{self.label} ]")
            self.line(f"br label %{join}")
        self.start(join)
        for result, column in zip(s.results, incoming, strict=True):
            self.registers[result] = self.emit(f"phi {llvm_type(result.dtype)} {', '.join(column)}")

    def check(self, s: Check) -> None:
        before = []
        for k, detail in enumerate(s.details):
            slot = "%" + self.name_of_new("d")
            before += [
                f"{slot} = getelementptr i64, ptr %error, i64 {k}",
                f"store i64 {self.read(detail)}, ptr {slot}",
            ]
        self.leave_unless(self.read(s.condition), s.site + 1, before)

    def call(self, s: Call) -> None:
        texts = []
        for arg in s.args:
            if type(arg) is Address:
                texts.append(f"ptr {self.address(arg.buffer, arg.index)}")
            else:
                texts.append(self.typed(arg))
        routine = TAPE_ROUTINES.get(s.symbol) or ROUTINES[s.symbol]
        result = routine.emit(self, texts, s.out)
        if s.out is not None:
            self.registers[s.out] = result

    def host(self, s: Host) -> None:
        self.module.python.add("host")
        places = [*s.operands, *s.results]
        table = self.alloca(f"[{max(len(places), 1)} x ptr]")
        for k, place in enumerate(places):
            slot = self.emit(f"getelementptr ptr, ptr {table}, i64 {k}")
            self.line(f"store ptr {self.address(place.buffer, place.index)}, ptr {slot}")
        status = self.emit(f"call i64 @jl_call_host(ptr %self, i64 {s.site}, ptr {table})")
        fine = self.emit(f"icmp eq i64 {status}, 0")
        self.leave_unless(fine, PYTHON_ERROR)

    def kernel(self, s: Kernel) -> None:
        if s.outlined:
            self.outlined(s)
        else:
            outer, (self.scopes, declared) = self.scopes, _scopes(self.module, s)
            # Of this step alone: buffers that a loop exchanges are other ones in the next, which LLVM may write out
            # beside this one.
            for scope in declared:
                self.declare(_SCOPE, f"declare void @{_SCOPE}(metadata)")
                self.line(f"call void @{_SCOPE}(metadata {scope})")
            self.block(s.body)
            self.scopes = outer

    def inner(self, name: str, scalars: list[Scalar], buffers: list[Buffer]):
        """Begin a function; returns it, its formals, and the operands for a call of it from here."""
        inner = _Function(self.module, f"jl_{self.module.key}_{name}", self.bounds_checks)
        inner.in_part = self.in_part
        formals, operands = ["ptr %self", "ptr %error"], ["ptr %self", "ptr %error"]
        for k, scalar in enumerate(scalars):
            kind = llvm_type(scalar.dtype)
            formals.append(f"{kind} %x{k}")
            inner.registers[scalar] = f"%x{k}"
            operands.append(f"{kind} {self.registers[scalar]}")
        for k, buffer in enumerate(buffers):
            if buffer.place == "data":
                inner.bases[buffer] = self.bases[buffer]
                continue
            formals.append(f"ptr noalias %p{k}")
            operands.append(f"ptr {self.address(buffer, Affine())}")
            if buffer.place == "pointer":
                inner.registers[buffer.base] = f"%p{k}"
            else:
                inner.bases[buffer] = f"%p{k}"
        return inner, formals, operands

    def outlined(self, s: Kernel) -> None:
        inner, formals, operands = self.inner(s.name, *free_names(s.body))
        inner.side_by_side = self.side_by_side
        slots = []
        for k, result in enumerate(s.results):
            formals.append(f"ptr noalias %r{k}")
            slots.append(self.alloca(llvm_type(result.dtype)))
            operands.append(f"ptr {slots[-1]}")
        inner.block(s.body)
        for k, result in enumerate(s.results):
            inner.line(f"store {inner.typed(result)}, ptr %r{k}")
        inner.line("ret i64 0")
        self.module.functions.append(inner.text(formals, "define i64", _ATTRIBUTES))
        status = self.emit(f"call i64 @{inner.name}({', '.join(operands)})")
        if self.bounds_checks or any(map(_may_fail, walk([s]))):
            fine = self.emit(f"icmp eq i64 {status}, 0")
            self.leave_unless(fine, status)
        for result, slot in zip(s.results, slots, strict=True):
            self.registers[result] = self.emit(f"load {llvm_type(result.dtype)}, ptr {slot}")


def _is_long(statement) -> bool:
    """Whether a statement is a loop that LLVM does not write out, or holds one."""
    if not isinstance(statement, For):
        return False
    return (
        len(statement.indices or ()) > LONGEST_UNROLLED
        or statement.as_it_is
        or any(map(_is_long, statement.body))
    )


def _angles(body: list) -> dict[Scalar, str | None]:
    """Return the scalars whose sine and cosine a block computes."""
    of = {op: {s.args[0] for s in body if type(s) is Let and s.op == op} for op in ("sin", "cos")}
    return {x: None for x in of["sin"] & of["cos"] if type(x) is Scalar}


def _memory_const(value, dtype) -> str:
    return str(int(value)) if dtype.kind == "b" else llvm_const(value, dtype)


def _may_fail(statement) -> bool:
    """Whether a statement itself may leave the program."""
    if isinstance(statement, For):
        return polling_interval(statement) > 0 or polls_between_parts(statement)
    if isinstance(statement, Call):
        return statement.symbol in TRANSFORMS
    return isinstance(statement, Check | Host | While)


def _scopes(module: Module, kernel: Kernel) -> tuple[dict[Buffer, str], list[str]]:
    """Return for each buffer of a kernel the metadata that tells its accesses from those of the others, and scopes."""
    _, buffers = free_names(kernel.body)
    if not 2 <= len(buffers) <= MOST_SCOPES:
        return {}, []
    domain = f"!{len(module.metadata)}"
    module.metadata_node(f"distinct !{{{domain}}}")
    scopes = []
    for _ in buffers:
        number = f"!{len(module.metadata)}"
        scopes.append(module.metadata_node(f"distinct !{{{number}, {domain}}}"))
    texts, declared = {}, []
    for buffer, scope in zip(buffers, scopes, strict=True):
        own = module.metadata_node(f"!{{{scope}}}")
        others = module.metadata_node(f"!{{{', '.join(s for s in scopes if s != scope)}}}")
        texts[buffer] = f", !alias.scope {own}, !noalias {others}"
        declared.append(own)
    return texts, declared


def free_names(body: list) -> tuple[list[Scalar], list[Buffer]]:
    """Return the scalars that statements read from outside, and all buffers that they touch."""
    defined: set[Scalar] = set()
    used: dict[Scalar, None] = {}
    buffers: dict[Buffer, None] = {}

    def operand(x):
        if type(x) is Scalar:
            used[x] = None
        elif type(x) is Affine:
            used.update((scalar, None) for scalar, _ in x.terms)
        elif type(x) is Address:
            buffers[x.buffer] = None
            operand(x.index)

    def visit(s):
        kind = type(s)
        if kind in (Let, Call):
            for x in s.args:
                operand(x)
            defined.add(s.out)
        elif kind in (Load, Store, Base):
            buffers[s.buffer] = None
            operand(s.index)
            if kind is Store:
                operand(s.value)
            else:
                defined.add(s.out)
        elif kind is Check:
            for x in (s.condition, *s.details):
                operand(x)
        elif kind is Host:
            for x in (*s.operands, *s.results):
                operand(x)
        elif kind in (For, While):
            if kind is For:
                operand(s.start)
                operand(s.stop)
                defined.add(s.index)
            else:
                operand(s.condition)
            for c in s.carries:
                operand(c.init)
                operand(c.next)
                defined.update((c.inside, c.result))
        elif kind is Switch:
            operand(s.index)
            for values in s.values:
                for x in values:
                    operand(x)
            defined.update(s.results)
        for block in blocks(s):
            for inner in block:
                visit(inner)

    for s in body:
        visit(s)
    for buffer in list(buffers):
        if buffer.place == "pointer" and buffer.base in defined:
            del buffers[buffer]
    return [s for s in used if s not in defined and s.dtype != POINTER], list(buffers)


_EMIT = {
    Let: _Function.let,
    Load: _Function.load,
    Store: _Function.store,
    Base: _Function.base,
    For: _Function.for_,
    While: _Function.while_,
    Switch: _Function.switch,
    Check: _Function.check,
    Call: _Function.call,
    Host: _Function.host,
    Kernel: _Function.kernel,
}
