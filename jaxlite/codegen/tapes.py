"""Tapes in machine code: what a loop of unknown length records, one growing array for each element of a row.

    tape = jl_tape_new(error, 2); jl_tape_width(tape, 0, 8); jl_tape_width(tape, 1, 24)
    jl_tape_grow(tape, n)                 at least n rows have room; all of them count
    jl_tape_data(tape, 1)                 where the second column begins

A tape is an int64 handle, the address of ``[length, capacity, columns, next tape, (data, bytes of a row)…]``. All
tapes of a call hang on one list, which the program frees at its end.
"""

from __future__ import annotations

from dataclasses import dataclass

# Where in the record of errors, which every function of a program knows, the list of tapes begins.
LIST_SLOT = 7

RUNTIME = f"""
declare ptr @calloc(i64, i64)
declare ptr @realloc(ptr, i64)
declare void @abort() noreturn
define internal i64 @jl_tape_new(ptr %error, i64 %columns) noinline {{
  %twice = mul i64 %columns, 2
  %words = add i64 %twice, 4
  %tape = call ptr @calloc(i64 %words, i64 8)
  %none = icmp eq ptr %tape, null
  br i1 %none, label %fail, label %made
fail:
  call void @abort()
  unreachable
made:
  %at = getelementptr i64, ptr %tape, i64 2
  store i64 %columns, ptr %at
  %list = getelementptr ptr, ptr %error, i64 {LIST_SLOT}
  %first = load ptr, ptr %list
  %next = getelementptr ptr, ptr %tape, i64 3
  store ptr %first, ptr %next
  store ptr %tape, ptr %list
  %handle = ptrtoint ptr %tape to i64
  ret i64 %handle
}}
define internal void @jl_tape_width(i64 %handle, i64 %column, i64 %bytes) {{
  %tape = inttoptr i64 %handle to ptr
  %twice = mul i64 %column, 2
  %k = add i64 %twice, 5
  %at = getelementptr i64, ptr %tape, i64 %k
  store i64 %bytes, ptr %at
  ret void
}}
define internal void @jl_tape_grow(i64 %handle, i64 %rows) {{
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
}}
define internal void @jl_tape_move(ptr %tape, i64 %rows) noinline {{
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
define internal ptr @jl_tape_data(i64 %handle, i64 %column) {{
  %tape = inttoptr i64 %handle to ptr
  %twice = mul i64 %column, 2
  %k = add i64 %twice, 4
  %at = getelementptr ptr, ptr %tape, i64 %k
  %data = load ptr, ptr %at
  ret ptr %data
}}
define internal i64 @jl_tape_length(i64 %handle) {{
  %tape = inttoptr i64 %handle to ptr
  %length = load i64, ptr %tape
  ret i64 %length
}}
define internal void @jl_tapes_free(ptr %error) noinline {{
  %list = getelementptr ptr, ptr %error, i64 {LIST_SLOT}
  %first = load ptr, ptr %list
  br label %loop
loop:
  %tape = phi ptr [ %first, %0 ], [ %next, %freed ]
  %none = icmp eq ptr %tape, null
  br i1 %none, label %done, label %body
body:
  %an = getelementptr ptr, ptr %tape, i64 3
  %next = load ptr, ptr %an
  %ac = getelementptr i64, ptr %tape, i64 2
  %columns = load i64, ptr %ac
  br label %columns_loop
columns_loop:
  %j = phi i64 [ 0, %body ], [ %j1, %column ]
  %more = icmp ult i64 %j, %columns
  br i1 %more, label %column, label %freed
column:
  %twice = mul i64 %j, 2
  %k = add i64 %twice, 4
  %ad = getelementptr ptr, ptr %tape, i64 %k
  %data = load ptr, ptr %ad
  call void @free(ptr %data)
  %j1 = add i64 %j, 1
  br label %columns_loop
freed:
  call void @free(ptr %tape)
  br label %loop
done:
  store ptr null, ptr %list
  ret void
}}
"""


@dataclass(frozen=True)
class TapeRoutine:
    """A function of the runtime above; ``symbol`` is empty: nothing outside of the program is named."""

    name: str
    result: str
    takes_error: bool = False
    symbol: str = ""

    def emit(self, function, texts: list[str], out) -> str:
        """Write the call; ``texts`` are typed operands."""
        function.module.tapes = True
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
        TapeRoutine("tape_width", "void"),
        TapeRoutine("tape_grow", "void"),
        TapeRoutine("tape_data", "ptr"),
        TapeRoutine("tape_length", "i64"),
    )
}
