"""From an optimised program to the text that is compiled: schedule, plan memory, emit, add the entry.

source_of(jaxpr, in_avals, key).text       LLVM
source_of(jaxpr, in_avals, key).loops_text  Python
"""

from __future__ import annotations

from typing import NamedTuple

from jaxlite.codegen import rules  # noqa: F401  (registers the lowering rules)
from jaxlite.codegen.cost import LONG, Cost, cost_of
from jaxlite.codegen.emit_llvm import emit
from jaxlite.codegen.entry import DECLARATIONS, entry_text
from jaxlite.codegen.external import TRANSFORMS
from jaxlite.codegen.jam import jam
from jaxlite.codegen.loops import Call, Check, Host, LoopProgram, While, walk
from jaxlite.codegen.memory import drop_unread, plan
from jaxlite.codegen.outline import outline
from jaxlite.codegen.panels import with_panels
from jaxlite.codegen.render_python import render
from jaxlite.codegen.reuse import in_place
from jaxlite.codegen.rows import cut_to_rows
from jaxlite.codegen.schedule import schedule
from jaxlite.codegen.split import split
from jaxlite.codegen.sweeps import in_sweeps
from jaxlite.ir import Jaxpr, cached_by_jaxpr


class Source(NamedTuple):
    """What is compiled: the loop program and its modules of LLVM text, and the routines that it calls."""

    loops: LoopProgram
    texts: tuple[str, ...]
    external: tuple[str, ...]
    cost: Cost
    has_entry: bool

    @property
    def names_equations(self) -> bool:
        """Whether it may ask for an equation by its number: one that Python runs, or that a check fails for."""
        return any(isinstance(s, Host | Check) for s in walk(self.loops.body))

    @property
    def text(self) -> str:
        """The LLVM text, of all modules."""
        return "\n".join(self.texts)

    @property
    def loops_text(self) -> str:
        """The loop program in Python."""
        return render(self.loops)


@cached_by_jaxpr
def loop_program(jaxpr: Jaxpr) -> LoopProgram:
    """Return the loop program of an optimised jaxpr, its memory planned."""
    # What nothing reads is gone before anything looks at lifetimes.
    return plan(
        in_sweeps(split(outline(in_place(drop_unread(cut_to_rows(with_panels(jam(schedule(jaxpr)))))))))
    )


def source_of(
    jaxpr: Jaxpr,
    in_avals: tuple,
    key: str,
    *,
    has_entry: bool = True,
    bounds_checks: bool = False,
    registers: tuple[int, ...] = (),
    modules: int = 1,
) -> Source:
    """Return loops and LLVM text of a program.

    Parameters
    ----------
    jaxpr : Jaxpr
        Optimised.
    in_avals : tuple of ShapedArray
        Types of the inputs as recorded: some are Python numbers.
    key : str
        Part of every symbol.
    has_entry : bool
        Whether CPython calls it directly; not where tapes go in or out.
    bounds_checks : bool
        Whether to check each access against its buffer.
    registers : tuple of int
        Bytes of the registers that functions such as exp may take whole.
    modules : int
        Into how many it is divided at most.
    """
    loops = loop_program(jaxpr)
    cost = cost_of(loops)
    module = emit(loops, key, bounds_checks=bounds_checks, registers=registers)
    first, *others = module.texts(modules)
    if has_entry:
        calls = {s.symbol for s in walk(loops.body) if isinstance(s, Call)}
        entry = entry_text(
            key,
            in_avals,
            jaxpr.out_avals,
            release_gil=_may_take_long(loops, cost),
            may_leave_exceptions=not calls.isdisjoint(TRANSFORMS),
        )
        declared = set(module.declarations.values())
        head = "\n".join(line for line in DECLARATIONS.splitlines() if line not in declared)
        first = "\n".join((head, first, entry))
    return Source(loops, (first, *others), module.external, cost, has_entry)


def _may_take_long(loops: LoopProgram, cost: Cost) -> bool:
    """Whether other threads, and signals sent by them, should get their turn meanwhile."""
    return cost.nanoseconds > LONG or any(isinstance(s, While) for s in walk(loops.body))
