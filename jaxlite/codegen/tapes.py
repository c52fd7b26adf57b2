"""Tapes in machine code: what a loop of unknown length records, one growing array for each element of a row.

    tape = jl_tape_new(error, 2); jl_tape_width(tape, 0, 8); jl_tape_width(tape, 1, 24)
    jl_tape_grow(tape, n)                 at least n rows have room; all of them count
    jl_tape_data(tape, 1)                 where the second column begins
    jl_tape_release(error, jl_tape_mark(error))       what is made between the two is given back

A tape is an int64 handle, the address of ``[length, capacity, columns, next tape, (data, bytes of a row)…]``. All
tapes of a call hang on one list. At its end they become the spare ones that the next call, of whatever program, takes
first: the pages of memory fresh from the system cost ten times what a cheap step does. Who takes the list leaves null
behind, so that a second caller makes its own. The length of a spare tape is the bytes of it and of all behind it.
The tapes that a step of a loop makes for itself are spare at its end, in the order in which the next step makes them.
"""

from __future__ import annotations

from dataclasses import dataclass

# Where in the record of errors, which every function of a program knows, the list of tapes begins, and that of the
# tapes that calls before left.
LIST_SLOT, SPARE_SLOT = 7, 8
# What is kept for later calls, and what each tape counts for beside its rows.
KEPT_BYTES, OVERHEAD = 1 << 26, 1 << 10

# Functions of the library, compiled once and kept, and what programs declare.
DECLARATIONS = {
    "jl_tapes_take": "declare void @jl_tapes_take(ptr)",
    "jl_tape_new": "declare i64 @jl_tape_new(ptr, i64)",
    "jl_tape_width": "declare void @jl_tape_width(i64, i64, i64)",
    "jl_tape_mark": "declare i64 @jl_tape_mark(ptr)",
    "jl_tape_release": "declare void @jl_tape_release(ptr, i64)",
    "jl_tape_move": "declare void @jl_tape_move(ptr, i64)",
    "jl_tapes_free": "declare void @jl_tapes_free(ptr)",
}

# What each step does is a part of the program.
INLINED = """
define internal void @jl_tape_grow(i64 %handle, i64 %rows) {
  %tape = inttoptr i64 %handle to ptr
  store i64 %rows, ptr %tape
  %at = getelementptr i64, ptr %tape, i64 1
  %capacity = load i64, ptr %at
  %fits = icmp ule i64 %rows, %capacity
  br i1 %fits, label %done, label %grow
grow:
  call void @jl_tape_move(ptr %tape, i64 %rows)
  br label %done
done:
  ret void
}
define internal ptr @jl_tape_data(i64 %handle, i64 %column) {
  %tape = inttoptr i64 %handle to ptr
  %twice = mul i64 %column, 2
  %k = add i64 %twice, 4
  %at = getelementptr ptr, ptr %tape, i64 %k
  %data = load ptr, ptr %at
  ret ptr %data
}
define internal i64 @jl_tape_length(i64 %handle) {
  %tape = inttoptr i64 %handle to ptr
  %length = load i64, ptr %tape
  ret i64 %length
}
"""

LIBRARY = f"""
declare ptr @calloc(i64, i64)
declare ptr @realloc(ptr, i64)
declare void @free(ptr)
declare void @abort() noreturn
@jl_tape_pool = external global ptr
define void @jl_tapes_take(ptr %error) {{
  %list = getelementptr ptr, ptr %error, i64 {LIST_SLOT}
  store ptr null, ptr %list
  %spare = getelementptr ptr, ptr %error, i64 {SPARE_SLOT}
  %kept = atomicrmw xchg ptr @jl_tape_pool, ptr null acq_rel
  store ptr %kept, ptr %spare
  ret void
}}
define i64 @jl_tape_new(ptr %error, i64 %columns) {{
  %list = getelementptr ptr, ptr %error, i64 {LIST_SLOT}
  %as = getelementptr ptr, ptr %error, i64 {SPARE_SLOT}
  br label %look
look:
  %spare = load ptr, ptr %as
  %empty = icmp eq ptr %spare, null
  br i1 %empty, label %make, label %fits
fits:
  %an = getelementptr ptr, ptr %spare, i64 3
  %behind = load ptr, ptr %an
  store ptr %behind, ptr %as
  %ac = getelementptr i64, ptr %spare, i64 2
  %has = load i64, ptr %ac
  %alike = icmp eq i64 %has, %columns
  br i1 %alike, label %made, label %other
other:
  call void @jl_tape_free(ptr %spare)
  br label %look
make:
  %twice = mul i64 %columns, 2
  %words = add i64 %twice, 4
  %new = call ptr @calloc(i64 %words, i64 8)
  %none = icmp eq ptr %new, null
  br i1 %none, label %fail, label %made
fail:
  call void @abort()
  unreachable
made:
  %tape = phi ptr [ %spare, %fits ], [ %new, %make ]
  store i64 0, ptr %tape
  %at = getelementptr i64, ptr %tape, i64 2
  store i64 %columns, ptr %at
  %first = load ptr, ptr %list
  %next = getelementptr ptr, ptr %tape, i64 3
  store ptr %first, ptr %next
  store ptr %tape, ptr %list
  %handle = ptrtoint ptr %tape to i64
  ret i64 %handle
}}
define void @jl_tape_width(i64 %handle, i64 %column, i64 %bytes) {{
  %tape = inttoptr i64 %handle to ptr
  %twice = mul i64 %column, 2
  %k = add i64 %twice, 5
  %at = getelementptr i64, ptr %tape, i64 %k
  %old = load i64, ptr %at
  %same = icmp eq i64 %old, %bytes
  br i1 %same, label %done, label %change
change:
  store i64 %bytes, ptr %at
  %capacity = getelementptr i64, ptr %tape, i64 1
  store i64 0, ptr %capacity
  br label %done
done:
  ret void
}}
define void @jl_tape_move(ptr %tape, i64 %rows) {{
  %at = getelementptr i64, ptr %tape, i64 1
  %capacity = load i64, ptr %at
  %double = mul i64 %capacity, 2
  %enough = icmp ugt i64 %double, %rows
  %more = select i1 %enough, i64 %double, i64 %rows
  %tiny = icmp ult i64 %more, 16
  %new = select i1 %tiny, i64 16, i64 %more
  store i64 %new, ptr %at
  %ac = getelementptr i64, ptr %tape, i64 2
  %columns = load i64, ptr %ac
  br label %loop
loop:
  %j = phi i64 [ 0, %0 ], [ %j1, %kept ]
  %more_columns = icmp ult i64 %j, %columns
  br i1 %more_columns, label %body, label %done
body:
  %twice = mul i64 %j, 2
  %k = add i64 %twice, 4
  %ad = getelementptr i64, ptr %tape, i64 %k
  %aw = getelementptr i64, ptr %ad, i64 1
  %old = load ptr, ptr %ad
  %width = load i64, ptr %aw
  %wanted = mul i64 %width, %new
  %size = add i64 %wanted, 64
  %data = call ptr @realloc(ptr %old, i64 %size)
  %none = icmp eq ptr %data, null
  br i1 %none, label %fail, label %kept
fail:
  call void @abort()
  unreachable
kept:
  store ptr %data, ptr %ad
  %j1 = add i64 %j, 1
  br label %loop
done:
  ret void
}}
define internal void @jl_tape_free(ptr %tape) {{
  %ac = getelementptr i64, ptr %tape, i64 2
  %columns = load i64, ptr %ac
  br label %loop
loop:
  %j = phi i64 [ 0, %0 ], [ %j1, %column ]
  %more = icmp ult i64 %j, %columns
  br i1 %more, label %column, label %freed
column:
  %twice = mul i64 %j, 2
  %k = add i64 %twice, 4
  %ad = getelementptr i64, ptr %tape, i64 %k
  %data = load ptr, ptr %ad
  call void @free(ptr %data)
  %j1 = add i64 %j, 1
  br label %loop
freed:
  call void @free(ptr %tape)
  ret void
}}
define internal i64 @jl_tape_bytes(ptr %tape) {{
  %at = getelementptr i64, ptr %tape, i64 1
  %capacity = load i64, ptr %at
  %ac = getelementptr i64, ptr %tape, i64 2
  %columns = load i64, ptr %ac
  br label %loop
loop:
  %j = phi i64 [ 0, %0 ], [ %j1, %column ]
  %row = phi i64 [ 0, %0 ], [ %wider, %column ]
  %more = icmp ult i64 %j, %columns
  br i1 %more, label %column, label %done
column:
  %twice = mul i64 %j, 2
  %k = add i64 %twice, 5
  %aw = getelementptr i64, ptr %tape, i64 %k
  %width = load i64, ptr %aw
  %wider = add i64 %row, %width
  %j1 = add i64 %j, 1
  br label %loop
done:
  %data = mul i64 %row, %capacity
  %bytes = add i64 %data, {OVERHEAD}
  ret i64 %bytes
}}
define i64 @jl_tape_mark(ptr %error) {{
  %list = getelementptr i64, ptr %error, i64 {LIST_SLOT}
  %mark = load i64, ptr %list
  ret i64 %mark
}}
define void @jl_tape_release(ptr %error, i64 %mark) {{
  %list = getelementptr ptr, ptr %error, i64 {LIST_SLOT}
  %as = getelementptr ptr, ptr %error, i64 {SPARE_SLOT}
  %stop = inttoptr i64 %mark to ptr
  br label %loop
loop:
  %tape = load ptr, ptr %list
  %all = icmp eq ptr %tape, %stop
  br i1 %all, label %done, label %body
body:
  %an = getelementptr ptr, ptr %tape, i64 3
  %next = load ptr, ptr %an
  %spare = load ptr, ptr %as
  %own = call i64 @jl_tape_bytes(ptr %tape)
  %alone = icmp eq ptr %spare, null
  br i1 %alone, label %sum, label %others
others:
  %behind = load i64, ptr %spare
  br label %sum
sum:
  %more = phi i64 [ 0, %body ], [ %behind, %others ]
  %total = add i64 %own, %more
  store i64 %total, ptr %tape
  store ptr %spare, ptr %an
  store ptr %tape, ptr %as
  store ptr %next, ptr %list
  br label %loop
done:
  ret void
}}
define void @jl_tapes_free(ptr %error) {{
  call void @jl_tape_release(ptr %error, i64 0)
  %as = getelementptr ptr, ptr %error, i64 {SPARE_SLOT}
  br label %trim
trim:
  %spare = load ptr, ptr %as
  %none = icmp eq ptr %spare, null
  br i1 %none, label %give, label %weigh
weigh:
  %weight = load i64, ptr %spare
  %heavy = icmp ugt i64 %weight, {KEPT_BYTES}
  br i1 %heavy, label %drop, label %give
drop:
  %an = getelementptr ptr, ptr %spare, i64 3
  %next = load ptr, ptr %an
  store ptr %next, ptr %as
  call void @jl_tape_free(ptr %spare)
  br label %trim
give:
  store ptr null, ptr %as
  %old = atomicrmw xchg ptr @jl_tape_pool, ptr %spare acq_rel
  br label %clear
clear:
  %stale = phi ptr [ %old, %give ], [ %rest, %clean ]
  %clean_now = icmp eq ptr %stale, null
  br i1 %clean_now, label %done, label %clean
clean:
  %ar = getelementptr ptr, ptr %stale, i64 3
  %rest = load ptr, ptr %ar
  call void @jl_tape_free(ptr %stale)
  br label %clear
done:
  ret void
}}
"""


@dataclass(frozen=True)
class TapeRoutine:
    """A function of those above; ``symbol`` is empty: `DECLARATIONS` says what is outside of the program."""

    name: str
    result: str
    takes_error: bool = False
    symbol: str = ""

    def emit(self, function, texts: list[str], out) -> str:
        """Write the call; ``texts`` are typed operands."""
        function.module.use_tapes()
        arguments = ", ".join((["ptr %error"] if self.takes_error else []) + texts)
        call = f"call {self.result} @jl_{self.name}({arguments})"
        if self.result == "void":
            function.line(call)
            return ""
        return function.emit(call)


TAPE_ROUTINES = {
    r.name: r
    for r in (
        TapeRoutine("tape_new", "i64", takes_error=True),
        TapeRoutine("tape_mark", "i64", takes_error=True),
        TapeRoutine("tape_release", "void", takes_error=True),
        TapeRoutine("tape_width", "void"),
        TapeRoutine("tape_grow", "void"),
        TapeRoutine("tape_data", "ptr"),
        TapeRoutine("tape_length", "i64"),
    )
}
