"""Elementwise functions of gathered rows, computed once for each row of the table.

    b = gather a i                         b = tanh a            a has 50,000 rows, i names 200,000
    c = tanh b                    ->       c = gather b i
    d = scatter_add 0 i c                  d = count(i)·b        what row k gets is c's row as often as i names it

The gradient of a loss of gathered rows is of this form. Where an index may be replaced by a fill value, nothing moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from jaxlite.codegen.elementwise import has_scalar_form
from jaxlite.ir import PRIMITIVES, Atom, Eqn, Literal, ShapedArray, Var
from jaxlite.lowering import Elementwise
from jaxlite.ops.index_numpy import FILL
from jaxlite.ops.indexing import ScatterDimensionNumbers
from jaxlite.passes.walk import equation

# A table is worth being walked as a whole if this many times as many elements are read of it.
LEAST_READS = 2


def by_rows(eqns: Sequence[Eqn], outvars: Sequence[Atom]) -> tuple[tuple[Eqn, ...], dict[Eqn, Eqn]]:
    """Move elementwise equations from the results of gathers to their tables.

    Parameters
    ----------
    eqns : sequence of Eqn
    outvars : sequence of Atom
        What the program returns.

    Returns
    -------
    tuple of Eqn
    dict of Eqn to Eqn
        For each new equation the one that it stands for, whose place in the user's program it has.
    """
    if not any(eqn.primitive.name == "gather" for eqn in eqns):
        return tuple(eqns), {}
    moved = _Moved()
    for eqn in eqns:
        moved.add(eqn)
    if not moved.stands_for:
        return tuple(eqns), {}
    return moved.used(outvars), moved.stands_for


class _Moved:
    """The program in the making."""

    def __init__(self):
        self.eqns: list[Eqn] = []
        # Gathers by their results, those of tables that are small enough.
        self.gathers: dict[Atom, Eqn] = {}
        self.stands_for: dict[Eqn, Eqn] = {}

    def add(self, eqn: Eqn) -> None:
        new = None
        if eqn.primitive.name == "gather":
            table, stack = eqn.invars[0].aval, eqn.outvars[0].aval
            if eqn.params["mode"] != FILL and LEAST_READS * table.size <= stack.size:
                self.gathers[eqn.outvars[0]] = eqn
        elif isinstance(eqn.primitive.lower, Elementwise):
            new = self.of_tables(eqn)
        elif eqn.primitive.name == "scatter_add":
            new = self.counted(eqn)
        self.eqns += (eqn,) if new is None else new

    def of_tables(self, eqn: Eqn) -> list[Eqn] | None:
        """Return the operation on the tables, and the gather of its result."""
        gathers = [self.gathers.get(a) for a in eqn.invars if a.aval.shape]
        if (
            not gathers
            or None in gathers
            or len({_places(g) for g in gathers}) > 1
            or not has_scalar_form(eqn)
        ):
            return None
        old = gathers[0]
        shape, dtype = old.invars[0].aval.shape, eqn.outvars[0].aval.dtype
        table = Var(ShapedArray(shape, dtype))
        operands = tuple(self.gathers[a].invars[0] if a.aval.shape else a for a in eqn.invars)
        on_table = eqn.replace(invars=operands, outvars=(table,))
        gather = old.replace(invars=(table, old.invars[1]), outvars=eqn.outvars)
        self.stands_for |= {on_table: eqn, gather: self.stands_for.get(old, old)}
        self.gathers[eqn.outvars[0]] = gather
        return [on_table, gather]

    def counted(self, eqn: Eqn) -> list[Eqn] | None:
        """Return the sum of a row as often as it is named, where what is added was gathered from the same places."""
        into, indices, updates = eqn.invars
        gather, numbers = self.gathers.get(updates), eqn.params["dimension_numbers"]
        if gather is None or _places(gather) != _places_written(eqn) or updates.aval.dtype.kind not in "ifc":
            return None
        kept, starts = numbers.inserted_window_dims, numbers.scatter_dims_to_operand_dims
        if gather.invars[0].aval.shape != into.aval.shape or tuple(sorted(starts)) != kept:
            return None
        eqns: list[Eqn] = []

        def emit(name, *operands, **params):
            eqns.append(equation(name, operands, params, eqn.source))
            return eqns[-1].outvars[0]

        def number(value, dtype):
            return Literal(dtype.type(value), ShapedArray((), dtype))

        def full(value, shape):
            return emit("broadcast_in_dim", number(value, integer), shape=shape, broadcast_dimensions=())

        integer, shape, dtype = np.dtype(np.int64), into.aval.shape, into.aval.dtype
        rows, named = full(0, tuple(shape[d] for d in kept)), full(1, indices.aval.shape[:-1])
        places = ScatterDimensionNumbers((), tuple(range(len(kept))), tuple(map(kept.index, starts)))
        count = emit("scatter_add", rows, indices, named, **{**eqn.params, "dimension_numbers": places})
        self.stands_for[eqns[-1]] = eqn
        count = emit("broadcast_in_dim", count, shape=shape, broadcast_dimensions=kept)
        none = emit("eq", count, number(0, integer))
        factor = emit("convert_element_type", count, new_dtype=dtype, weak_type=False)
        # Infinity is added nowhere if it is not named.
        total = emit("select_n", none, emit("mul", factor, gather.invars[0]), number(0, dtype))
        eqns.append(eqn.replace(primitive=PRIMITIVES["add"], invars=(into, total), params={}))
        return eqns

    def used(self, outvars: Sequence[Atom]) -> tuple[Eqn, ...]:
        """Return the program without gathers that nothing reads any more."""
        uses = Counter(a for eqn in self.eqns for a in eqn.invars if type(a) is Var)
        uses.update(a for a in outvars if type(a) is Var)
        kept = []
        for eqn in reversed(self.eqns):
            new = eqn.primitive.name == "gather" or eqn in self.stands_for
            if new and not any(uses[v] for v in eqn.outvars):
                uses.subtract(a for a in eqn.invars if type(a) is Var)
            else:
                kept.append(eqn)
        return tuple(reversed(kept))


def _places(gather: Eqn) -> tuple:
    """Return what says from where a gather takes each element."""
    n = gather.params["dimension_numbers"]
    return (
        gather.invars[1], gather.invars[0].aval.shape, gather.params["slice_sizes"], gather.params["mode"],
        n.offset_dims, n.collapsed_slice_dims, n.start_index_map,
        n.operand_batching_dims, n.start_indices_batching_dims,
    )  # fmt: skip


def _places_written(scatter: Eqn) -> tuple:
    """Return what a gather from where a scatter writes would say."""
    n, shape = scatter.params["dimension_numbers"], scatter.invars[0].aval.shape
    sizes = tuple(1 if d in n.inserted_window_dims else size for d, size in enumerate(shape))
    return (
        scatter.invars[1], shape, sizes, scatter.params["mode"],
        n.update_window_dims, n.inserted_window_dims, n.scatter_dims_to_operand_dims, (), (),
    )  # fmt: skip
