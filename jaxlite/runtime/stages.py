"""The stages of a compilation, to look at: ``jit(f).lower(x).as_text("loops")`` and ``.compile()``. Layer 6."""

from __future__ import annotations

from typing import NamedTuple

from jaxlite.codegen.memory import bytes_in_use
from jaxlite.codegen.source import loop_program
from jaxlite.errors import ArgumentError
from jaxlite.ir import Jaxpr, lift_constvars
from jaxlite.passes.pipeline import optimize
from jaxlite.runtime import engine
from jaxlite.runtime.compile import compile_jaxpr, source_of, symbol_key
from jaxlite.runtime.njit import njit_function
from jaxlite.runtime.threads import get_num_threads
from jaxlite.tree import tree_flatten, tree_unflatten


def lower(traced) -> Lowered:
    """Return the stages of a traced function."""
    jaxpr = traced.jaxpr.jaxpr
    return Lowered(traced, lift_constvars(jaxpr))


STAGES = ("jaxpr", "optimized", "loops", "llvm", "assembly")


class MemoryAnalysis(NamedTuple):
    """Sizes of a compiled program's memory, in bytes; the stack, of which it takes a page or two, does not count."""

    argument_size_in_bytes: int
    output_size_in_bytes: int
    temp_size_in_bytes: int
    generated_code_size_in_bytes: int


class Lowered:
    """A program before it is compiled; made by ``jit(f).lower(*args)``.

    Parameters
    ----------
    traced : Traced
    jaxpr : Jaxpr
        Without constvars; its first inputs are the constants.
    """

    def __init__(self, traced, jaxpr: Jaxpr):
        self._traced, self._jaxpr = traced, jaxpr

    @property
    def in_tree(self):
        return self._traced.in_tree

    @property
    def out_tree(self):
        return self._traced.out_tree

    @property
    def out_info(self):
        return self._traced.out_info

    def as_text(self, stage: str = "loops") -> str:
        """Return the program as text.

        Parameters
        ----------
        stage : {"jaxpr", "optimized", "loops", "llvm", "assembly"}
            As recorded; after the passes; as loops in Python; as LLVM gets it; as the processor does.

        Raises
        ------
        ArgumentError
            If there is no such stage.
        """
        if stage == "jaxpr":
            return str(self._traced.jaxpr)
        if stage not in STAGES:
            raise ArgumentError(f"there is no stage {stage!r}.", fix=f"one of {', '.join(STAGES)}.")
        jaxpr = optimize(self._jaxpr)
        if stage == "optimized":
            return str(jaxpr)
        source = self._source()
        if stage == "loops":
            captured = [
                f"# {buffer.name} is an array that the function captured: jit(f).trace(…).jaxpr.consts[{k}]\n"
                for k, buffer in enumerate(source.loops.inputs[: len(self._traced.jaxpr.consts)])
            ]
            return "".join(captured) + source.loops_text
        return source.text if stage == "llvm" else engine.assembly(source.texts)

    def _source(self):
        return source_of(self._jaxpr, symbol_key(self._jaxpr)[0])

    def cost_analysis(self) -> dict[str, float]:
        """Return estimates of the work of one call: ``flops``, ``transcendentals``, ``bytes accessed``, …"""
        cost = self._source().cost
        return {
            "flops": cost.flops,
            "transcendentals": cost.transcendentals,
            "bytes accessed": cost.bytes_accessed,
            "library calls": cost.calls,
            "host calls": cost.host_calls,
            "estimated nanoseconds": cost.nanoseconds,
        }

    def compile(self, *_ignored, **_options) -> Compiled:
        """Compile for this machine."""
        return Compiled(self)


class Compiled:
    """A program as machine code, for arguments of one type; made by ``jit(f).lower(*args).compile()``."""

    def __init__(self, lowered: Lowered):
        self._lowered = lowered
        self._program = compile_jaxpr(lowered._jaxpr)

    @property
    def in_tree(self):
        return self._lowered.in_tree

    @property
    def out_tree(self):
        return self._lowered.out_tree

    def __call__(self, *args, **kwargs):
        leaves, in_tree = tree_flatten((args, kwargs))
        if in_tree != self.in_tree:
            raise ArgumentError(
                "the arguments have another structure than the program was compiled for.",
                details=[f"compiled for {self.in_tree}", f"called with  {in_tree}"],
            )
        outs = self._program(*self._lowered._traced.jaxpr.consts, *leaves)
        return tree_unflatten(self.out_tree, outs)

    def as_text(self, stage: str = "assembly") -> str:
        """Return the program as text; see `Lowered.as_text`."""
        return self._lowered.as_text(stage)

    def njit(self):
        """Return the program as a function that ``@numba.njit`` code can call; constants it captured are bound.

        Raises
        ------
        ArgumentError
            If the program captured arrays, or leaves an operation to Python.
        """
        if self._lowered._traced.jaxpr.consts:
            raise ArgumentError(
                "the program captured arrays, which compiled callers cannot pass.",
                fix="make them arguments of the function.",
            )
        return njit_function(self._program, loop_program(self._program.jaxpr))

    @property
    def address(self) -> int:
        """Where the C function ``int64 program(void *self, void **table)`` is; ``self`` may be null.

        The table holds the addresses of inputs and outputs, dense arrays, then that of 8 int64 for errors; the result
        is 0, or the number of the equation that failed plus one.
        """
        return self._program.code.address_of()

    def cost_analysis(self) -> dict[str, float]:
        """Return estimates of the work of one call; see `Lowered.cost_analysis`."""
        return self._lowered.cost_analysis()

    def memory_analysis(self) -> MemoryAnalysis:
        """Return sizes of arguments, results, working memory (with the threads there are) and code, in bytes."""
        loops = loop_program(optimize(self._lowered._jaxpr))
        return MemoryAnalysis(
            sum(b.nbytes for b in loops.inputs),
            sum(b.nbytes for b in loops.outputs),
            bytes_in_use(loops, get_num_threads()),
            self._program.code.size,
        )
