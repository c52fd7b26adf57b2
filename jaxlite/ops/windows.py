"""Operations on windows: convolutions, and reductions over windows with their derivatives.

    c:f64[1,5,5,4] = conv_general_dilated[ … padding=((1, 1), (1, 1)) … window_strides=(1, 1) ] a b
    d:f64[2,2] = reduce_window_max[ … window_dimensions=(2, 2) window_strides=(2, 2) ] x

A convolution is linear in each operand, and both of its adjoints are convolutions again: with respect to the image of
the cotangent with the kernel turned around, with respect to the kernel of the image with the cotangent as a kernel.
The tangent of a maximum over windows is that of the first largest element of each (`select_and_gather_add`), and its
adjoint adds each cotangent to that element (`select_and_scatter_add`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxlite.errors import DtypeError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import Contraction, Reduction, Update
from jaxlite.ops.families import check_kinds, check_same_dtype, linear_jvp, sum_terms
from jaxlite.ops.structural import bind_checked, broadcast_dim, move_dim, pad_p, reshape, rev, zeros
from jaxlite.parsing import register_param_type
from jaxlite.primitive import NOT_LINEAR, PURE, RECORD, Primitive, Zero, is_linear
from jaxlite.trace import aval_of

# --- sizes ------------------------------------------------------------------------------------------


def spread(size: int, dilation: int) -> int:
    """Return over how many elements so many reach that lie ``dilation`` apart."""
    return (size - 1) * dilation + 1 if size else 0


def num_windows(size: int, window: int, stride: int, dilation: int = 1) -> int:
    """Return how many windows there are in a (padded, dilated) axis."""
    return max((size - spread(window, dilation)) // stride + 1, 0)


class Axis(NamedTuple):
    """How windows go along one axis: window ``p`` holds the elements ``(p·stride + q·apart - low) / base``.

    Only those that are whole numbers, and inside of the axis, are there; all others are padding.
    """

    size: int
    count: int
    window: int
    stride: int
    apart: int
    base: int
    low: int

    @property
    def margins(self) -> tuple[int, int]:
        """How many elements windows ask for before the first and behind the last."""
        reaches = [phase.reach for phase in self.phases() if phase.taps and phase.count]
        low = max((-first for first, _ in reaches), default=0)
        high = max((last - self.size + 1 for _, last in reaches), default=0)
        return max(low, 0), max(high, 0)

    @property
    def pulled_back(self) -> tuple[int, int]:
        """The padding of windows over the windows that go back to the elements, stride and base exchanged."""
        reach, size = spread(self.window, self.apart), spread(self.size, self.base)
        low = reach - 1 - self.low
        return low, size + reach - 1 - spread(self.count, self.stride) - low

    def phases(self) -> Iterator[Phase]:
        """Yield the windows in classes that find elements at the same steps."""
        every = self.base // math.gcd(self.base, self.stride)
        for first in range(min(every, self.count)):
            start = first * self.stride - self.low
            taps = [q for q in range(self.window) if (start + q * self.apart) % self.base == 0]
            yield Phase(
                first=first,
                every=every,
                count=-(-(self.count - first) // every),
                stride=every * self.stride // self.base,
                first_tap=taps[0] if taps else 0,
                every_tap=taps[1] - taps[0] if len(taps) > 1 else 1,
                taps=len(taps),
                offset=(start + taps[0] * self.apart) // self.base if taps else 0,
                apart=(taps[1] - taps[0]) * self.apart // self.base if len(taps) > 1 else 1,
            )


class Phase(NamedTuple):
    """Windows ``first + every·m``: tap ``first_tap + every_tap·u`` is at element ``stride·m + offset + apart·u``."""

    first: int
    every: int
    count: int
    stride: int
    first_tap: int
    every_tap: int
    taps: int
    offset: int
    apart: int

    @property
    def reach(self) -> tuple[int, int]:
        """The first and the last element that is asked for."""
        last = self.offset + (self.count - 1) * self.stride + max(self.taps - 1, 0) * self.apart
        return self.offset, last


def _axes(sizes, windows, strides, apart, bases, padding) -> list[Axis]:
    numbers = zip(sizes, windows, strides, apart, bases, padding, strict=True)
    return [
        Axis(n, num_windows(spread(n, base) + low + high, k, s, d), k, s, d, base, low)
        for n, k, s, d, base, (low, high) in numbers
    ]


def _dilated_and_padded(x: np.ndarray, fill, pads, dilation) -> np.ndarray:
    """Spread the elements of the last axes, and put ``fill`` between and around them; negative numbers cut off."""
    config = [(0, 0, 0)] * (x.ndim - len(pads))
    config += [(low, high, d - 1) for (low, high), d in zip(pads, dilation, strict=True)]
    (out,) = pad_p.impl(x, fill, padding_config=config)
    return out


# --- convolution --------------------------------------------------------------------------------------


@register_param_type
class ConvDimensionNumbers(NamedTuple):
    """Which axis of the operands and of the result of a convolution means what.

    Attributes
    ----------
    lhs_spec, out_spec : tuple of int
        Axes of batch, features, and space.
    rhs_spec : tuple of int
        Axes of output features, input features, and space.
    """

    lhs_spec: tuple[int, ...]
    rhs_spec: tuple[int, ...]
    out_spec: tuple[int, ...]


def _in_order(shape, spec) -> tuple[int, ...]:
    return tuple(shape[d] for d in spec)


def conv_axes(lhs_shape, rhs_shape, params: dict) -> list[Axis]:
    """Return how the windows of a convolution go along each axis of space."""
    numbers = params["dimension_numbers"]
    space, window = (
        _in_order(s, p)[2:] for s, p in ((lhs_shape, numbers.lhs_spec), (rhs_shape, numbers.rhs_spec))
    )
    steps = params["window_strides"], params["rhs_dilation"], params["lhs_dilation"]
    return _axes(space, window, *steps, params["padding"])


def _conv_abstract_eval(lhs, rhs, **params):
    name, numbers = "conv_general_dilated", params["dimension_numbers"]
    check_same_dtype(name, (lhs, rhs))
    if lhs.dtype not in (np.float32, np.float64):
        raise DtypeError(
            f"{name}: operands have types {lhs} and {rhs}.",
            why="the primitive is that of float32 and float64.",
            fix="lax.conv_general_dilated takes all types.",
        )
    (n, c, *_), (o, i, *_) = _in_order(lhs.shape, numbers.lhs_spec), _in_order(rhs.shape, numbers.rhs_spec)
    by_feature, by_batch = params["feature_group_count"], params["batch_group_count"]
    if c != i * by_feature or o % (by_feature * by_batch) or n % by_batch:
        raise ShapeError(
            f"{name}: operands have types {lhs} and {rhs}, in {by_feature} groups of features "
            f"and {by_batch} of the batch.",
            why=f"there are {c} features, the kernel takes {i} in each group and gives {o} in all.",
        )
    shape = [0] * lhs.ndim
    counts = [axis.count for axis in conv_axes(lhs.shape, rhs.shape, params)]
    for d, size in zip(numbers.out_spec, (n // by_batch, o, *counts), strict=True):
        shape[d] = size
    return (ShapedArray(tuple(shape), lhs.dtype),)


def _conv_impl(lhs, rhs, **params):
    lhs, rhs, numbers = np.asarray(lhs), np.asarray(rhs), params["dimension_numbers"]
    axes = conv_axes(lhs.shape, rhs.shape, params)
    counts, window = [axis.count for axis in axes], [axis.window for axis in axes]
    by_feature, by_batch = params["feature_group_count"], params["batch_group_count"]
    groups = by_feature * by_batch
    x = _dilated_and_padded(lhs.transpose(numbers.lhs_spec), 0, params["padding"], params["lhs_dilation"])
    n, c, *space = x.shape
    if by_batch > 1:
        x = x.reshape(groups, n // groups, c, *space)
    else:
        x = np.moveaxis(x.reshape(n, groups, c // groups, *space), 1, 0)
    kernel = rhs.transpose(numbers.rhs_spec)
    o, i = kernel.shape[:2]
    kernel = kernel.reshape(groups, 1, o // groups, i, *window)
    batch = x.shape[1]
    out = np.zeros((groups, batch, o // groups, *counts), lhs.dtype)
    # One product for each tap of the window, or for each window: what is less.
    by_tap = math.prod(window) <= math.prod(counts)
    for index in itertools.product(*map(range, window if by_tap else counts)) if out.size and i else ():
        cut = []
        for axis, at in zip(axes, index, strict=True):
            step, first = (axis.stride, axis.apart) if by_tap else (axis.apart, axis.stride)
            size = axis.count if by_tap else axis.window
            cut.append(slice(at * first, at * first + (size - 1) * step + 1 if size else at * first, step))
        part = x[(..., *cut)]
        if by_tap:
            taps = np.ascontiguousarray(kernel[(..., *index)])
            out += np.matmul(taps, part.reshape(groups, batch, i, -1)).reshape(out.shape)
        else:
            rows = part.reshape(groups, batch, -1)
            out[(..., *index)] = np.matmul(rows, kernel.reshape(groups, o // groups, -1).transpose(0, 2, 1))
    out = np.moveaxis(out, 0, 1).reshape(batch, o, *counts)
    return (np.ascontiguousarray(out.transpose(np.argsort(numbers.out_spec))),)


def _conv_jvp(primals, tangents, **params):
    (lhs, rhs), (lhs_dot, rhs_dot) = primals, tangents
    ans = conv_general_dilated_p.bind(lhs, rhs, **params)
    terms = [] if type(lhs_dot) is Zero else [conv_general_dilated_p.bind(lhs_dot, rhs, **params)]
    terms += [] if type(rhs_dot) is Zero else [conv_general_dilated_p.bind(lhs, rhs_dot, **params)]
    return (ans,), (sum_terms(terms, ans),)


def _move_groups(x, groups: int, source: int, destination: int):
    """Take the group, the slower part of an axis, to another axis, as the slower part of that."""
    if groups == 1:
        return x
    shape = list(aval_of(x).shape)
    x = reshape(x, (*shape[:source], groups, shape[source] // groups, *shape[source + 1 :]))
    # With the group at the front, the other axes are where they were before, one place on.
    x = move_dim(move_dim(x, source, 0), 0, destination)
    shape[source] //= groups
    shape[destination] *= groups
    return reshape(x, tuple(shape))


def _conv_transpose(cts, lhs, rhs, **params):
    if is_linear(lhs) and is_linear(rhs):
        return NOT_LINEAR
    (ct,) = cts
    if is_linear(lhs):
        return _conv_pull_back_lhs(ct, lhs.aval, rhs, params), None
    return None, _conv_pull_back_rhs(ct, lhs, rhs.aval, params)


def _conv_pull_back_lhs(ct, lhs, rhs, params):
    numbers = params["dimension_numbers"]
    axes = conv_axes(lhs.shape, aval_of(rhs).shape, params)
    by_feature, by_batch = params["feature_group_count"], params["batch_group_count"]
    o, i, *window = numbers.rhs_spec
    kernel = _move_groups(rev(rhs, tuple(window)), by_feature * by_batch, o, i)
    new = {
        "window_strides": params["lhs_dilation"],
        "padding": tuple(axis.pulled_back for axis in axes),
        "lhs_dilation": params["window_strides"],
        "rhs_dilation": params["rhs_dilation"],
        "dimension_numbers": ConvDimensionNumbers(numbers.out_spec, (i, o, *window), numbers.lhs_spec),
        "feature_group_count": by_feature * by_batch,
        "batch_group_count": 1,
    }
    n, c = numbers.lhs_spec[:2]
    return _move_groups(conv_general_dilated_p.bind(ct, kernel, **new), by_batch, c, n)


def _conv_pull_back_rhs(ct, lhs, rhs, params):
    numbers = params["dimension_numbers"]
    axes = conv_axes(aval_of(lhs).shape, rhs.shape, params)
    padding = []
    for axis in axes:
        size = spread(axis.window, axis.apart) + spread(axis.count, axis.stride) - 1
        padding.append((axis.low, size - spread(axis.size, axis.base) - axis.low))
    swapped = [
        (spec[1], spec[0], *spec[2:]) for spec in (numbers.lhs_spec, numbers.out_spec, numbers.rhs_spec)
    ]
    new = {
        "window_strides": params["rhs_dilation"],
        "padding": tuple(padding),
        "lhs_dilation": params["lhs_dilation"],
        "rhs_dilation": params["window_strides"],
        "dimension_numbers": ConvDimensionNumbers(*swapped),
        "feature_group_count": params["batch_group_count"],
        "batch_group_count": params["feature_group_count"],
    }
    return conv_general_dilated_p.bind(lhs, ct, **new)


def _merged(x, dim: int, into: int, slower: bool):
    """Merge a mapped axis into another, given by its number without the mapped one."""
    shape = list(aval_of(x).shape)
    size = shape.pop(dim)
    x = move_dim(x, dim, into if slower else into + 1)
    shape[into] *= size
    return reshape(x, tuple(shape))


def _split(x, axis: int, size: int, slower: bool):
    """Take a mapped axis out of another again; returns the array and where the axis is."""
    shape = aval_of(x).shape
    parts = (size, shape[axis] // size) if slower else (shape[axis] // size, size)
    return reshape(x, (*shape[:axis], *parts, *shape[axis + 1 :])), axis if slower else axis + 1


def _conv_batch(axis, args, dims, **params):
    (lhs, rhs), (lhs_dim, rhs_dim) = args, dims
    numbers, size = params["dimension_numbers"], axis.size
    if not size:
        avals = [aval_of(x) if d is None else aval_of(x).unmapped(d) for x, d in zip(args, dims, strict=True)]
        (z,) = _conv_abstract_eval(*avals, **params)
        return (zeros(z.mapped(0, 0)),), (0,)
    n, c = numbers.lhs_spec[:2]
    o = numbers.rhs_spec[0]
    if lhs_dim is not None and rhs_dim is not None:
        # A group for each member of the batch.
        which = "batch_group_count" if params["batch_group_count"] > 1 else "feature_group_count"
        lhs = _merged(lhs, lhs_dim, n if which == "batch_group_count" else c, slower=True)
        rhs = _merged(rhs, rhs_dim, o, slower=True)
        params = {**params, which: params[which] * size}
        out, out_dim = numbers.out_spec[1], True
    elif lhs_dim is not None:
        # The faster part of the batch: groups of the batch stay together.
        lhs, out, out_dim = _merged(lhs, lhs_dim, n, slower=False), numbers.out_spec[0], False
    else:
        rhs, out, out_dim = _merged(rhs, rhs_dim, o, slower=False), numbers.out_spec[1], False
    z = conv_general_dilated_p.bind(lhs, rhs, **params)
    z, dim = _split(z, out, size, out_dim)
    return (z,), (dim,)


conv_general_dilated_p = Primitive(
    name="conv_general_dilated",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_conv_abstract_eval,
    impl=_conv_impl,
    jvp=_conv_jvp,
    partial_eval=RECORD,
    transpose=_conv_transpose,
    batch=_conv_batch,
    lower=Contraction(),
    doc="z[n,o,p] = Σᵢ,q x[n,i,p+q]·k[o,i,q];  ż = ẋ∗k + x∗k̇",
)


# --- reductions over windows --------------------------------------------------------------------------


def window_axes(shape, params: dict) -> list[Axis]:
    """Return how windows go along each axis of an array."""
    base = params.get("base_dilation") or (1,) * len(shape)
    steps = params["window_strides"], params["window_dilation"], base
    return _axes(shape, params["window_dimensions"], *steps, params["padding"])


def _shape_of_windows(name: str, x: ShapedArray, params: dict) -> tuple[int, ...]:
    wrong = {key: value for key, value in params.items() if key != "select_prim" and len(value) != x.ndim}
    if wrong:
        key, value = next(iter(wrong.items()))
        raise ShapeError(
            f"{name}: {key} has {len(value)} entries for {x}.", why="there is one for each axis."
        )
    return tuple(axis.count for axis in window_axes(x.shape, params))


def _taps(x, fill, params) -> Iterator[np.ndarray]:
    """Yield, for each place in a window, the elements there of all windows."""
    axes = window_axes(x.shape, params)
    base = params.get("base_dilation") or (1,) * x.ndim
    padded = _dilated_and_padded(x, fill, params["padding"], base)
    yield from (padded[places] for places in _places(axes))


def _places(axes: list[Axis]) -> Iterator[tuple[slice, ...]]:
    """Yield, for each place in a window, where it is in a padded array."""
    for index in itertools.product(*(range(axis.window) for axis in axes)):
        yield tuple(
            slice(q * a.apart, q * a.apart + spread(a.count, a.stride), a.stride)
            for q, a in zip(index, axes, strict=True)
        )


def _batch_windows(primitive, axis, args, dims, **params):
    """Move the mapped axis to the front, where windows have one element."""
    args = [move_dim(x, d, 0) for x, d in zip(args, dims, strict=True)]
    ones = ("window_dimensions", "window_strides", "window_dilation", "base_dilation")
    more = {key: (1, *params[key]) for key in ones if key in params}
    return (primitive.bind(*args, **{**params, **more, "padding": ((0, 0), *params["padding"])}),), (0,)


def extreme_of(dtype: np.dtype, largest: bool):
    """Return the largest or the smallest number of a dtype."""
    if dtype.kind == "f":
        return dtype.type(math.inf if largest else -math.inf)
    if dtype.kind == "b":
        return np.bool_(largest)
    return dtype.type(np.iinfo(dtype).max if largest else np.iinfo(dtype).min)


def _reduce_window_sum_abstract_eval(x, **params):
    check_kinds("reduce_window_sum", (x,), "iufc")
    return (ShapedArray(_shape_of_windows("reduce_window_sum", x, params), x.dtype),)


def _reduce_window_sum_impl(x, **params):
    x = np.asarray(x)
    out = np.zeros([axis.count for axis in window_axes(x.shape, params)], x.dtype)
    for part in _taps(x, 0, params):
        out += part
    return (out,)


def _reduce_window_sum_transpose(cts, x, **params):
    (ct,) = cts
    new = {
        "padding": tuple(axis.pulled_back for axis in window_axes(x.aval.shape, params)),
        "window_strides": params["base_dilation"],
        "base_dilation": params["window_strides"],
    }
    return (reduce_window_sum_p.bind(ct, **{**params, **new}),)


def _reduce_window_sum_batch(axis, args, dims, **params):
    return _batch_windows(reduce_window_sum_p, axis, args, dims, **params)


reduce_window_sum_p = Primitive(
    name="reduce_window_sum",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_reduce_window_sum_abstract_eval,
    impl=_reduce_window_sum_impl,
    jvp=linear_jvp("reduce_window_sum"),
    partial_eval=RECORD,
    transpose=_reduce_window_sum_transpose,
    batch=_reduce_window_sum_batch,
    lower=Reduction("add"),
    doc="z[p] = Σ_q x[s·p + q]",
)


def _extreme_over_windows(name: str, ufunc: np.ufunc, largest: bool, select: str, doc: str) -> Primitive:
    def abstract_eval(x, **params):
        check_kinds(name, (x,), "iuf")
        return (ShapedArray(_shape_of_windows(name, x, params), x.dtype),)

    def impl(x, **params):
        x = np.asarray(x)
        fill = extreme_of(x.dtype, not largest)
        out = np.full([axis.count for axis in window_axes(x.shape, params)], fill, x.dtype)
        for part in _taps(x, fill, params):
            out = ufunc(out, part)
        return (out,)

    def jvp(primals, tangents, **params):
        (x,), (x_dot,) = primals, tangents
        z_dot = select_and_gather_add_p.bind(x_dot, x, select_prim=select, **params)
        return (primitive.bind(x, **params),), (z_dot,)

    def batch(axis, args, dims, **params):
        return _batch_windows(primitive, axis, args, dims, **params)

    primitive = Primitive(
        name=name,
        multiple_results=False,
        effects=PURE,
        abstract_eval=abstract_eval,
        impl=impl,
        jvp=jvp,
        partial_eval=RECORD,
        transpose=NOT_LINEAR,
        batch=batch,
        lower=Reduction("max" if largest else "min"),
        doc=doc,
    )
    return primitive


reduce_window_max_p = _extreme_over_windows(
    "reduce_window_max",
    np.maximum,
    True,
    "ge",
    "z[p] = max_q x[s·p + q];  ż that of the first largest element",
)
reduce_window_min_p = _extreme_over_windows(
    "reduce_window_min",
    np.minimum,
    False,
    "le",
    "z[p] = min_q x[s·p + q];  ż that of the first smallest element",
)


# --- the chosen element of each window ------------------------------------------------------------------


def _check_selection(name: str, x, y, params) -> tuple[int, ...]:
    check_same_dtype(name, (x, y))
    check_kinds(name, (x, y), "f")
    if params["select_prim"] not in ("ge", "le"):
        raise ShapeError(f"{name}: select_prim is 'ge' or 'le', not {params['select_prim']!r}.")
    return _shape_of_windows(name, y, params)


def _chosen(operand, select_prim: str, params) -> np.ndarray:
    """Return which place in each window is the first that no later one surpasses."""
    fill = extreme_of(operand.dtype, select_prim == "le")
    keeps = np.greater_equal if select_prim == "ge" else np.less_equal
    best = chosen = None
    for number, part in enumerate(_taps(operand, fill, params)):
        if best is None:
            best, chosen = part, np.zeros(part.shape, np.int64)
            continue
        kept = keeps(best, part)
        best, chosen = np.where(kept, best, part), np.where(kept, chosen, number)
    return chosen


def _select_and_gather_add_abstract_eval(tangents, operand, **params):
    shape = _check_selection("select_and_gather_add", tangents, operand, params)
    if tangents.shape != operand.shape:
        raise ShapeError(
            f"select_and_gather_add: operands {tangents}, {operand}.", why="their shapes must be equal."
        )
    return (ShapedArray(shape, operand.dtype),)


def _select_and_gather_add_impl(tangents, operand, *, select_prim, **params):
    tangents, operand = np.asarray(tangents), np.asarray(operand)
    chosen = _chosen(operand, select_prim, params)
    out = np.zeros([axis.count for axis in window_axes(operand.shape, params)], operand.dtype)
    for number, part in enumerate(_taps(tangents, 0, params)):
        out = np.where(chosen == number, part, out)
    return (out,)


def _select_jvp(primitive, primals, tangents, **params):
    """Linear in the first operand; the choice does not depend smoothly on the second."""
    x_dot = tangents[0]
    ans = primitive.bind(*primals, **params)
    tangent = Zero.like(ans) if type(x_dot) is Zero else primitive.bind(x_dot, primals[1], **params)
    return (ans,), (tangent,)


def _select_and_gather_add_jvp(primals, tangents, **params):
    return _select_jvp(select_and_gather_add_p, primals, tangents, **params)


def _select_and_gather_add_transpose(cts, tangents, operand, **params):
    (ct,) = cts
    return select_and_scatter_add_p.bind(ct, operand, **params), None


def _select_batch(primitive, axis, args, dims, **params):
    from_, operand = (
        broadcast_dim(x, 0, axis.size) if d is None else move_dim(x, d, 0)
        for x, d in zip(args, dims, strict=True)
    )
    return _batch_windows(primitive, axis, (from_, operand), (0, 0), **params)


def _select_and_gather_add_batch(axis, args, dims, **params):
    return _select_batch(select_and_gather_add_p, axis, args, dims, **params)


select_and_gather_add_p = Primitive(
    name="select_and_gather_add",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_select_and_gather_add_abstract_eval,
    impl=_select_and_gather_add_impl,
    jvp=_select_and_gather_add_jvp,
    partial_eval=RECORD,
    transpose=_select_and_gather_add_transpose,
    batch=_select_and_gather_add_batch,
    lower=Reduction("select"),
    doc="z[p] = ẋ[s·p + q], where x[s·p + q] is the first extreme element of window p",
)


def _select_and_scatter_add_abstract_eval(source, operand, **params):
    shape = _check_selection("select_and_scatter_add", source, operand, params)
    if source.shape != shape:
        raise ShapeError(
            f"select_and_scatter_add: operands {source}, {operand}.",
            why=f"there are {shape} windows in the second.",
        )
    return (ShapedArray(operand.shape, operand.dtype),)


def _select_and_scatter_add_impl(source, operand, *, select_prim, **params):
    source, operand = np.asarray(source), np.asarray(operand)
    if not source.size:
        # More may be cut off than there is, so that the padded array has no size to go back from.
        return (np.zeros(operand.shape, source.dtype),)
    chosen = _chosen(operand, select_prim, params)
    sizes = [n + low + high for n, (low, high) in zip(operand.shape, params["padding"], strict=True)]
    out = np.zeros(sizes, source.dtype)
    for number, places in enumerate(_places(window_axes(operand.shape, params))):
        out[places] += np.where(chosen == number, source, 0)
    return (_dilated_and_padded(out, 0, [(-low, -high) for low, high in params["padding"]], (1,) * out.ndim),)


def _select_and_scatter_add_jvp(primals, tangents, **params):
    return _select_jvp(select_and_scatter_add_p, primals, tangents, **params)


def _select_and_scatter_add_transpose(cts, source, operand, **params):
    (ct,) = cts
    return select_and_gather_add_p.bind(ct, operand, **params), None


def _select_and_scatter_add_batch(axis, args, dims, **params):
    return _select_batch(select_and_scatter_add_p, axis, args, dims, **params)


select_and_scatter_add_p = Primitive(
    name="select_and_scatter_add",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_select_and_scatter_add_abstract_eval,
    impl=_select_and_scatter_add_impl,
    jvp=_select_and_scatter_add_jvp,
    partial_eval=RECORD,
    transpose=_select_and_scatter_add_transpose,
    batch=_select_and_scatter_add_batch,
    lower=Update(),
    doc="z[s·p + q] += y[p], where x[s·p + q] is the first extreme element of window p",
)


# --- user functions -----------------------------------------------------------------------------------


def conv_general_dilated(lhs, rhs, **params):
    """Convolve arrays of one floating dtype; `jaxlite.lax` reads names of axes and fills in what is left out."""
    return bind_checked(conv_general_dilated_p, lhs, rhs, **params)


def reduce_window_sum(
    operand, window_dimensions, window_strides, padding, base_dilation=None, window_dilation=None
):
    """Add up the elements of every window.

    Parameters
    ----------
    operand : array
        Of numbers.
    window_dimensions, window_strides : tuple of int
        Size of the window, and step from window to window, along every axis.
    padding : tuple of (low, high)
        For every axis.
    base_dilation, window_dilation : tuple of int, optional
        Distance of neighbours in the operand and in the window; 1 by default.

    Returns
    -------
    array
        One element for each window.
    """
    ones = (1,) * len(aval_of(operand).shape)
    return bind_checked(
        reduce_window_sum_p,
        operand,
        window_dimensions=window_dimensions,
        window_strides=window_strides,
        padding=padding,
        base_dilation=base_dilation or ones,
        window_dilation=window_dilation or ones,
    )


def reduce_window_max(operand, window_dimensions, window_strides, padding, window_dilation=None):
    """Take the largest element of every window; parameters are those of `reduce_window_sum`."""
    return _bind_windows(
        reduce_window_max_p, operand, window_dimensions, window_strides, padding, window_dilation
    )


def reduce_window_min(operand, window_dimensions, window_strides, padding, window_dilation=None):
    """Take the smallest element of every window; parameters are those of `reduce_window_sum`."""
    return _bind_windows(
        reduce_window_min_p, operand, window_dimensions, window_strides, padding, window_dilation
    )


def select_and_gather_add(
    tangents, operand, select_prim, window_dimensions, window_strides, padding, window_dilation=None
):
    """Take from one array what stands where another has the first extreme element of each window.

    Parameters
    ----------
    tangents, operand : array
        Of one floating dtype and one shape.
    select_prim : {"ge", "le"}
        Whether the largest or the smallest element is meant.
    window_dimensions, window_strides, padding, window_dilation
        As for `reduce_window_sum`.

    Returns
    -------
    array
        One element for each window; 0 for one that lies in the padding.
    """
    sizes = window_dimensions, window_strides, padding, window_dilation
    return _bind_windows(select_and_gather_add_p, tangents, operand, *sizes, select_prim=select_prim)


def select_and_scatter_add(
    source, operand, select_prim, window_dimensions, window_strides, padding, window_dilation=None
):
    """Add up numbers, one of each window, where an array has the first extreme element of the window.

    Parameters
    ----------
    source : array
        One number for each window.
    operand : array
        Of the same floating dtype.
    select_prim : {"ge", "le"}
        Whether the largest or the smallest element is meant.
    window_dimensions, window_strides, padding, window_dilation
        As for `reduce_window_sum`.

    Returns
    -------
    array
        Of the shape of ``operand``.
    """
    sizes = window_dimensions, window_strides, padding, window_dilation
    return _bind_windows(select_and_scatter_add_p, source, operand, *sizes, select_prim=select_prim)


def _bind_windows(primitive, *args, **params):
    *operands, window, strides, padding, dilation = args
    return bind_checked(
        primitive,
        *operands,
        window_dimensions=window,
        window_strides=strides,
        padding=padding,
        window_dilation=dilation or (1,) * len(aval_of(operands[-1]).shape),
        **params,
    )
