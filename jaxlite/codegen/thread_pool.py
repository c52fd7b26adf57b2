"""The pool of threads that run the parts of split loops, as LLVM text; a library that is compiled once.

    i64 jl_launch(ptr function, ptr context, i64 parts, ptr poll, i1 calls_blas)

calls ``function(context, part, thread)`` for each part, in the caller and in workers at the same time, and returns
when all are done: 0, or what one of them returned instead. Parts are taken in their order, one after the other, by
whoever has time. ``thread`` is 0 in the caller and smaller than the number of parts, and no two calls that run at once
share it. ``poll`` (or null) is called by the caller between its parts; where it returns something else than 0, the
launch ends with that. Where parts call BLAS, OpenBLAS keeps to the thread that calls it until the launch ends: its own
threads would take the processors from ours.

Workers are threads of the system without a Python state: they never touch an object, and interpreters that end, or
start in a forked child, have nothing to wait for. They are started by the launch that first wants them, wait for work
by looking at a word for some microseconds, and then sleep. A launch while another one is under way (of another thread,
or of a callback inside of a part) runs all of its parts in the caller: there is one job at a time.

Each worker has a word that says what it does:

    IDLE -> ASLEEP      the worker, before it waits for its lock
    any  -> POSTED      the caller has work; it opens the lock of a worker that was ASLEEP
    POSTED -> RUNNING   the worker takes parts until there is none
    POSTED -> IDLE      the caller has finished and does without this worker, who may still be waking up
    RUNNING -> AWAITED  the caller has finished and waits for its own lock
    RUNNING -> IDLE     the worker has finished
    AWAITED -> IDLE     the same; it opens the lock of the caller

Measured on two cores: a launch of two empty parts takes 0.2 us while the worker looks for work and 5 us while it
sleeps; through Numba's workqueue layer a launch takes 89 us, and two at once end the process.
"""

from __future__ import annotations

MOST_THREADS = 256
IDLE, POSTED, ASLEEP, RUNNING, AWAITED = range(5)

# Places in the global state `jl_threads`, in words of 64 bits. What is written by many has cache lines of its own.
LIMIT, SPINS, FUNCTION, CONTEXT, PARTS, CALLER_LOCK, STATUS = range(7)
# OpenBLAS's functions that set and tell its number of threads, 0 where there are none.
SET_BLAS, GET_BLAS = 26, 27
BUSY, NEXT, LAUNCHES, SERIAL_LAUNCHES = 8, 16, 24, 25
# Of each thread, the caller not counted: what it does, its lock, and whether it was started.
FIRST_SLOT, SLOT = 32, 8
SLOT_BYTES = 8 * SLOT
DOES, LOCK, STARTED = range(3)
WORDS = FIRST_SLOT + SLOT * MOST_THREADS

# Instructions that tell the processor that a loop waits, by what `platform.machine` calls it.
_PAUSES = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}
_PAUSES["AMD64"], _PAUSES["arm64"] = _PAUSES["x86_64"], _PAUSES["aarch64"]

PYTHON_FUNCTIONS = (
    "PyThread_allocate_lock",
    "PyThread_acquire_lock",
    "PyThread_release_lock",
    "PyThread_start_new_thread",
)


def text(machine: str) -> str:
    """Return the LLVM text of the library for a processor, as `platform.machine` names it."""
    declaration, pause = _PAUSES.get(machine, ("", ""))
    words = globals() | {"declaration": declaration, "pause": pause}
    return _TEXT.format_map({name: value for name, value in words.items() if isinstance(value, str | int)})


_TEXT = """
@jl_threads = external global [{WORDS} x i64], align 64
{declaration}
declare ptr @PyThread_allocate_lock()
declare i32 @PyThread_acquire_lock(ptr, i32)
declare void @PyThread_release_lock(ptr)
declare i64 @PyThread_start_new_thread(ptr, ptr)

; Return a lock that is shut, or null.
define internal ptr @new_lock() noinline {{
  %lock = call ptr @PyThread_allocate_lock()
  %none = icmp eq ptr %lock, null
  br i1 %none, label %done, label %shut
shut:
  %state = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  br label %done
done:
  ret ptr %lock
}}

; Run parts until there is none, in a worker.
define internal void @take_parts(i64 %thread) {{
  %fp = getelementptr i64, ptr @jl_threads, i64 {FUNCTION}
  %f = load ptr, ptr %fp
  %cp = getelementptr i64, ptr @jl_threads, i64 {CONTEXT}
  %c = load ptr, ptr %cp
  %np = getelementptr i64, ptr @jl_threads, i64 {PARTS}
  %n = load i64, ptr %np
  %next = getelementptr i64, ptr @jl_threads, i64 {NEXT}
  br label %take
take:
  %part = atomicrmw add ptr %next, i64 1 monotonic
  %more = icmp slt i64 %part, %n
  br i1 %more, label %run, label %done
run:
  %status = call i64 %f(ptr %c, i64 %part, i64 %thread)
  %fine = icmp eq i64 %status, 0
  br i1 %fine, label %take, label %failed
failed:
  %sp = getelementptr i64, ptr @jl_threads, i64 {STATUS}
  store atomic i64 %status, ptr %sp monotonic, align 8
  store atomic i64 %n, ptr %next monotonic, align 8
  br label %take
done:
  ret void
}}

define internal void @worker(ptr %slot) noinline {{
  %base = getelementptr i64, ptr @jl_threads, i64 {FIRST_SLOT}
  %to = ptrtoint ptr %slot to i64
  %from = ptrtoint ptr %base to i64
  %bytes = sub i64 %to, %from
  %number = sdiv i64 %bytes, {SLOT_BYTES}
  %thread = add i64 %number, 1
  %lockp = getelementptr i64, ptr %slot, i64 {LOCK}
  %lock = load ptr, ptr %lockp
  %spinp = getelementptr i64, ptr @jl_threads, i64 {SPINS}
  br label %idle
idle:
  %spins = load atomic i64, ptr %spinp monotonic, align 8
  br label %look
look:
  %k = phi i64 [ 0, %idle ], [ %k1, %wait ]
  %does = load atomic i64, ptr %slot acquire, align 8
  %posted = icmp eq i64 %does, {POSTED}
  br i1 %posted, label %begin, label %wait
wait:
  {pause}
  %k1 = add i64 %k, 1
  %again = icmp slt i64 %k, %spins
  br i1 %again, label %look, label %tired
tired:
  %pair = cmpxchg ptr %slot, i64 {IDLE}, i64 {ASLEEP} seq_cst seq_cst
  %sleeps = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %sleeps, label %sleep, label %begin
sleep:
  %woken = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  br label %begin
begin:
  %taken = cmpxchg ptr %slot, i64 {POSTED}, i64 {RUNNING} seq_cst seq_cst
  %mine = extractvalue {{ i64, i1 }} %taken, 1
  br i1 %mine, label %run, label %idle
run:
  call void @take_parts(i64 %thread)
  ; Read before the caller is free to go on: a fork may give it another.
  %callerp = getelementptr i64, ptr @jl_threads, i64 {CALLER_LOCK}
  %caller = load ptr, ptr %callerp
  %old = atomicrmw xchg ptr %slot, i64 {IDLE} seq_cst
  %awaited = icmp eq i64 %old, {AWAITED}
  br i1 %awaited, label %tell, label %idle
tell:
  call void @PyThread_release_lock(ptr %caller)
  br label %idle
}}

; Start a worker; returns whether there is one.
define internal i1 @start(ptr %slot) noinline {{
  %callerp = getelementptr i64, ptr @jl_threads, i64 {CALLER_LOCK}
  %has = load ptr, ptr %callerp
  %needs = icmp eq ptr %has, null
  br i1 %needs, label %first, label %own
first:
  %new = call ptr @new_lock()
  store ptr %new, ptr %callerp
  %failed = icmp eq ptr %new, null
  br i1 %failed, label %no, label %own
own:
  %lock = call ptr @new_lock()
  %none = icmp eq ptr %lock, null
  br i1 %none, label %no, label %go
go:
  %lockp = getelementptr i64, ptr %slot, i64 {LOCK}
  store ptr %lock, ptr %lockp
  %id = call i64 @PyThread_start_new_thread(ptr @worker, ptr %slot)
  %refused = icmp eq i64 %id, -1
  br i1 %refused, label %no, label %yes
yes:
  %startedp = getelementptr i64, ptr %slot, i64 {STARTED}
  store i64 1, ptr %startedp
  ret i1 true
no:
  ret i1 false
}}

; Run all parts in the caller.
define internal i64 @alone(ptr %f, ptr %c, i64 %n, ptr %poll) noinline {{
entry:
  %countp = getelementptr i64, ptr @jl_threads, i64 {SERIAL_LAUNCHES}
  %count = atomicrmw add ptr %countp, i64 1 monotonic
  %polls = icmp ne ptr %poll, null
  br label %head
head:
  %part = phi i64 [ 0, %entry ], [ %next, %on ]
  %more = icmp slt i64 %part, %n
  br i1 %more, label %run, label %done
run:
  %status = call i64 %f(ptr %c, i64 %part, i64 0)
  %fine = icmp eq i64 %status, 0
  br i1 %fine, label %look, label %failed
look:
  br i1 %polls, label %ask, label %on
ask:
  %signal = call i64 %poll()
  %quiet = icmp eq i64 %signal, 0
  br i1 %quiet, label %on, label %failed
on:
  %next = add i64 %part, 1
  br label %head
failed:
  %why = phi i64 [ %status, %run ], [ %signal, %ask ]
  ret i64 %why
done:
  ret i64 0
}}

; Wait until a worker has finished.
define internal void @await(ptr %slot) noinline {{
entry:
  %spinp = getelementptr i64, ptr @jl_threads, i64 {SPINS}
  %spins = load atomic i64, ptr %spinp monotonic, align 8
  br label %look
look:
  %k = phi i64 [ 0, %entry ], [ %k1, %wait ]
  %does = load atomic i64, ptr %slot acquire, align 8
  %running = icmp eq i64 %does, {RUNNING}
  br i1 %running, label %wait, label %done
wait:
  {pause}
  %k1 = add i64 %k, 1
  %again = icmp slt i64 %k, %spins
  br i1 %again, label %look, label %tired
tired:
  %pair = cmpxchg ptr %slot, i64 {RUNNING}, i64 {AWAITED} seq_cst seq_cst
  %sleeps = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %sleeps, label %sleep, label %done
sleep:
  %callerp = getelementptr i64, ptr @jl_threads, i64 {CALLER_LOCK}
  %lock = load ptr, ptr %callerp
  %woken = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  br label %done
done:
  ret void
}}

define i64 @jl_launch(ptr %f, ptr %c, i64 %n, ptr %poll, i1 %calls_blas) {{
  %limitp = getelementptr i64, ptr @jl_threads, i64 {LIMIT}
  %limit = load atomic i64, ptr %limitp monotonic, align 8
  %busyp = getelementptr i64, ptr @jl_threads, i64 {BUSY}
  %single = icmp slt i64 %limit, 2
  br i1 %single, label %serial, label %enter
enter:
  %pair = cmpxchg ptr %busyp, i64 0, i64 1 acquire monotonic
  %free = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %free, label %prepare, label %serial
serial:
  %result = call i64 @alone(ptr %f, ptr %c, i64 %n, ptr %poll)
  ret i64 %result

prepare:
  %countp = getelementptr i64, ptr @jl_threads, i64 {LAUNCHES}
  %count = load i64, ptr %countp
  %count1 = add i64 %count, 1
  store i64 %count1, ptr %countp
  %fp = getelementptr i64, ptr @jl_threads, i64 {FUNCTION}
  store ptr %f, ptr %fp
  %cp = getelementptr i64, ptr @jl_threads, i64 {CONTEXT}
  store ptr %c, ptr %cp
  %np = getelementptr i64, ptr @jl_threads, i64 {PARTS}
  store i64 %n, ptr %np
  %statusp = getelementptr i64, ptr @jl_threads, i64 {STATUS}
  store atomic i64 0, ptr %statusp monotonic, align 8
  %nextp = getelementptr i64, ptr @jl_threads, i64 {NEXT}
  store atomic i64 0, ptr %nextp monotonic, align 8
  %fewer = icmp slt i64 %n, %limit
  %threads = select i1 %fewer, i64 %n, i64 %limit
  %wanted = sub i64 %threads, 1
  %slots = getelementptr i64, ptr @jl_threads, i64 {FIRST_SLOT}
  %setp = getelementptr i64, ptr @jl_threads, i64 {SET_BLAS}
  %set = load ptr, ptr %setp
  %settable = icmp ne ptr %set, null
  %holds = and i1 %calls_blas, %settable
  br i1 %holds, label %hold, label %begin
hold:
  %getp = getelementptr i64, ptr @jl_threads, i64 {GET_BLAS}
  %get = load ptr, ptr %getp
  %had = call i32 %get()
  call void %set(i32 1)
  br label %begin
begin:
  %blas = phi i32 [ 0, %prepare ], [ %had, %hold ]
  br label %post
post:
  %w = phi i64 [ 0, %begin ], [ %w1, %posted ]
  %all = icmp sge i64 %w, %wanted
  br i1 %all, label %own, label %one
one:
  %o = mul i64 %w, {SLOT}
  %slot = getelementptr i64, ptr %slots, i64 %o
  %startedp = getelementptr i64, ptr %slot, i64 {STARTED}
  %started = load i64, ptr %startedp
  %there = icmp ne i64 %started, 0
  br i1 %there, label %give, label %make
make:
  %made = call i1 @start(ptr %slot)
  br i1 %made, label %give, label %own
give:
  %was = atomicrmw xchg ptr %slot, i64 {POSTED} seq_cst
  %slept = icmp eq i64 %was, {ASLEEP}
  br i1 %slept, label %wake, label %posted
wake:
  %lockp = getelementptr i64, ptr %slot, i64 {LOCK}
  %lock = load ptr, ptr %lockp
  call void @PyThread_release_lock(ptr %lock)
  br label %posted
posted:
  %w1 = add i64 %w, 1
  br label %post

own:
  ; As many as there are: the system may have refused to start one.
  %have = phi i64 [ %w, %post ], [ %w, %make ]
  %polls = icmp ne ptr %poll, null
  br label %take
take:
  %part = atomicrmw add ptr %nextp, i64 1 monotonic
  %more = icmp slt i64 %part, %n
  br i1 %more, label %run, label %collect
run:
  %status = call i64 %f(ptr %c, i64 %part, i64 0)
  %fine = icmp eq i64 %status, 0
  br i1 %fine, label %look, label %failed
look:
  br i1 %polls, label %ask, label %take
ask:
  %signal = call i64 %poll()
  %quiet = icmp eq i64 %signal, 0
  br i1 %quiet, label %take, label %failed
failed:
  %why = phi i64 [ %status, %run ], [ %signal, %ask ]
  store atomic i64 %why, ptr %statusp monotonic, align 8
  store atomic i64 %n, ptr %nextp monotonic, align 8
  br label %collect

collect:
  br label %each
each:
  %v = phi i64 [ 0, %collect ], [ %v1, %collected ]
  %over = icmp sge i64 %v, %have
  br i1 %over, label %leave, label %check
check:
  %vo = mul i64 %v, {SLOT}
  %vslot = getelementptr i64, ptr %slots, i64 %vo
  %cancel = cmpxchg ptr %vslot, i64 {POSTED}, i64 {IDLE} seq_cst seq_cst
  %cancelled = extractvalue {{ i64, i1 }} %cancel, 1
  br i1 %cancelled, label %collected, label %wait
wait:
  call void @await(ptr %vslot)
  br label %collected
collected:
  %v1 = add i64 %v, 1
  br label %each
leave:
  br i1 %holds, label %restore, label %end
restore:
  call void %set(i32 %blas)
  br label %end
end:
  %final = load atomic i64, ptr %statusp monotonic, align 8
  store atomic i64 0, ptr %busyp release, align 8
  ret i64 %final
}}
"""
