"""Fourier transforms by the inner loops of NumPy's own, axis by axis, many lines in one call.

    b:c128[5,8] = fft[fft_lengths=(8,) fft_type=FFT] a       zfft(5, 8, 8, 1, 8, 1, a, b)
    c:c128[2,8] = fft[fft_lengths=(2,8) fft_type=FFT] a      zfft(2, 8, 8, 1, 8, 1, a, t); zfft(8, 2, 1, 8, 1, 8, t, c)

Axes follow in NumPy's order, and the loops are NumPy's, so results are the same bits; in single precision NumPy
computes forward transforms in double, and rounds after each axis. A loop is told how far apart points and lines lie, so
nothing is moved for it. Many lines are cut into blocks, which threads may share.
"""

from __future__ import annotations

import contextlib
import math

import numpy as np

from jaxlite.codegen.external import TRANSFORMS, Transform
from jaxlite.codegen.loops import INT, Address, Affine, Const
from jaxlite.codegen.rules_linalg import kernel, moved
from jaxlite.codegen.rules_schur import converted
from jaxlite.codegen.schedule import Scheduler, rule
from jaxlite.codegen.transforms import are_found, computed_in
from jaxlite.codegen.values import Value, View, storage
from jaxlite.dtypes import complex_dtype

# Into about so many blocks the lines of an array are cut.
MOST_BLOCKS = 64
# Operations below which an array is transformed in one call: no threads are started for less.
WORK_OF_BLOCKS = 1e5
# pocketfft transforms as many lines side by side as fit into a register, and what is left one by one. Blocks are
# multiples of the widest register, so that the same lines are computed together as in NumPy.
WIDEST_REGISTER = 64


@rule("fft")
def _fft(s: Scheduler, eqn, operands):
    if not are_found():
        return None
    (x,), kind, lengths = operands, eqn.params["fft_type"].lower(), eqn.params["fft_lengths"]
    aval = eqn.outvars[0].aval
    if not math.prod(aval.shape):
        return [s.new_view(aval.dtype, aval.shape)]
    real, value, steps = storage(aval.dtype)[0], x, _steps(kind, lengths)
    for position, (routine, axis, n) in enumerate(steps):
        inside = computed_in(routine, real)
        if inside != real:
            value = converted(value, _with_parts(value.dtype, inside))
        view, shape = _readable(s, value), list(value.shape)
        shape[axis] = n // 2 + 1 if routine == "rfft" else n
        is_last = position == len(steps) - 1
        dtype = _with_parts(aval.dtype if is_last else np.dtype(complex_dtype(real)), inside)
        target = s.targets.get(eqn.outvars[0]) if is_last and inside == real else None
        if target is None or target.buffer is view.buffer or not _goes_upwards(target):
            target = _laid_out_as(s, view, dtype, tuple(shape))
        _transform(s, routine, axis, n, view, target)
        value = target if inside == real else converted(target, _with_parts(dtype, real))
    return [value]


def _with_parts(dtype: np.dtype, real: np.dtype) -> np.dtype:
    """Return the real or complex dtype of another precision."""
    return np.dtype(complex_dtype(real)) if dtype.kind == "c" else real


def _steps(kind: str, lengths: tuple[int, ...]) -> list[tuple[str, int, int]]:
    """Return transforms of one axis in NumPy's order: which, the axis, the points of the real side or of both."""
    axes = list(zip(range(-len(lengths), 0), lengths, strict=True))
    if kind == "irfft":
        return [*(("ifft", *axis) for axis in axes[:-1]), ("irfft", *axes[-1])]
    first = (kind, *axes[-1])
    return [first, *(("fft" if kind == "rfft" else kind, *axis) for axis in reversed(axes[:-1]))]


def _goes_upwards(view: View) -> bool:
    """Whether no axis is walked backwards, so that a view begins at its first element."""
    return min(view.strides, default=0) >= 0


def _readable(s: Scheduler, x: Value) -> View:
    if type(x) is View and not _goes_upwards(x):
        return moved(s, x, s.new_view(x.dtype, x.shape))
    return s.memory(x, row_major=False)


def _laid_out_as(s: Scheduler, view: View, dtype: np.dtype, shape: tuple[int, ...]) -> View:
    """Make a place whose axes lie in memory in the order of another array's, as NumPy does."""
    order = sorted(range(len(shape)), key=lambda d: -view.strides[d])
    return s.new_view_along(dtype, shape, tuple(order))


def _transform(s: Scheduler, routine: str, axis: int, n: int, source: View, target: View) -> None:
    """Transform one axis."""
    double = storage(target.dtype)[0].itemsize == 8
    letter = ("z" if double else "c") if routine in ("fft", "ifft") else ("d" if double else "s")
    name, b = letter + routine, s.b
    axis += len(source.shape)
    outer = _coalesced(source, target, axis)
    # The longest row of lines goes into one call.
    count, *between = outer.pop(max(range(len(outer)), key=lambda k: (outer[k][0], k)))
    block = _lines_of_block(TRANSFORMS[name], math.prod(size for size, *_ in outer), count, n)

    def call(lines: int, at: list[Affine]) -> None:
        (between_x, between_y), steps = between, (source.strides[axis], target.strides[axis])
        numbers = lines, n, between_x, steps[0], between_y, steps[1]
        places = (
            Address(view.buffer, (view.offset + place) * storage(view.dtype)[1])
            for view, place in zip((source, target), at, strict=True)
        )
        b.call(name, *(Const(number, INT) for number in numbers), *places)

    with kernel(s, math.prod(source.shape), "fft"), contextlib.ExitStack() as loops:
        at = [Affine(), Affine()]
        for size, *strides in outer:
            i = Affine.of(loops.enter_context(b.loop(size, kind="parallel")))
            at = [place + i * stride for place, stride in zip(at, strides, strict=True)]
        whole = count // block
        if whole == 1:
            call(block, at)
        elif whole:
            with b.loop(whole, kind="parallel") as i:
                call(block, [p + Affine.of(i) * (block * d) for p, d in zip(at, between, strict=True)])
        if count % block:
            call(count % block, [p + whole * block * d for p, d in zip(at, between, strict=True)])


def _coalesced(source: View, target: View, axis: int) -> list[tuple[int, int, int]]:
    """Return size and strides of the other axes, as few as there can be; one at least."""
    rows = zip(source.shape, source.strides, target.strides, strict=True)
    axes = [row for d, row in enumerate(rows) if d != axis and row[0] != 1]
    # From the widest strides to the narrowest, as NumPy walks them.
    axes.sort(key=lambda row: (-row[1], -row[2]))
    merged: list[tuple[int, int, int]] = []
    for size, x, y in axes:
        if merged and merged[-1][1:] == (size * x, size * y):
            size *= merged.pop()[0]
        merged.append((size, x, y))
    return merged or [(1, 0, 0)]


def _lines_of_block(transform: Transform, rows: int, count: int, n: int) -> int:
    """Return how many of the ``count`` lines of each row to transform in one call."""
    if transform.work(rows * count, n) < WORK_OF_BLOCKS:
        return count
    lanes, blocks = WIDEST_REGISTER // transform.dtype.itemsize, -(-MOST_BLOCKS // rows)
    return min(-(-count // (blocks * lanes)) * lanes, count)
