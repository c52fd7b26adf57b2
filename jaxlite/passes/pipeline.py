"""The pipeline: which passes a program goes through before it is run, in which order, and why.

    for name, program in stages(jaxpr):
        print(name, program)

Each pass is a pure function ``Jaxpr -> Jaxpr`` that hands the same object back when there was nothing to do.
None changes a number: what is dropped, merged or rewritten gives the same bits (but for the order in which NumPy
sums an array that has another layout in memory now, the order in which ``ahead``, ``accumulate`` and ``regroup`` sum
products, that in which ``symmetry`` sums pairs, and which of 0.0 and -0.0 a maximum is). After
``jaxlite.config.update("jax_enable_checks", True)`` every pass is checked to have left a correct program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jaxlite.check import check_jaxpr
from jaxlite.config import config
from jaxlite.errors import InternalError, JaxprTypeError
from jaxlite.ir import Jaxpr, cached_by_jaxpr
from jaxlite.passes.accumulate import accumulate
from jaxlite.passes.ahead import ahead
from jaxlite.passes.cse import cse
from jaxlite.passes.dce import dce
from jaxlite.passes.fold import fold
from jaxlite.passes.hoist import hoist
from jaxlite.passes.inline import inline
from jaxlite.passes.recompute import recompute
from jaxlite.passes.regroup import regroup
from jaxlite.passes.simplify import simplify
from jaxlite.passes.strengthen import strengthen
from jaxlite.passes.symmetry import symmetry

# (what it does and why it stands here, pass)
PIPELINE: tuple[tuple[str, Callable[[Jaxpr], Jaxpr]], ...] = (
    ("forget weak types: then equal values have equal types, as every later pass assumes", strengthen),
    ("inline calls: so that the others see one flat program", inline),
    ("drop dead code: a derivative leaves much of its function unread, on which the others would work", dce),
    ("fold constants: before simplify, whose rules look for literals", fold),
    ("simplify: before merging, as it brings equal values to one form", simplify),
    ("merge duplicates: before dead code, as it leaves operands that nobody reads", cse),
    ("sum what is symmetric once: after merging, which makes the rest of such sums one", symmetry),
    ("hoist out of loops: after merging, before what it leaves inside is dropped", hoist),
    ("multiply inputs of loops ahead of them: after hoisting, which makes constants", ahead),
    ("regroup multiples of a carry: after merging, which finds equal factors", regroup),
    ("drop dead code again: since the others only orphan equations", dce),
    ("sum products after loops: before recompute, which sees what is stacked then", accumulate),
    ("recompute rather than store: last, when loops hold no more than they need", recompute),
)

# One round does nearly everything; a few rules open the way for others.
MAX_ROUNDS = 6


def stages(jaxpr: Jaxpr) -> Iterator[tuple[str, Jaxpr]]:
    """Yield the program after each pass that changed it.

    Parameters
    ----------
    jaxpr : Jaxpr

    Yields
    ------
    name : str
        ``"recorded"`` for the program itself, then the name of the pass.
    jaxpr : Jaxpr

    Examples
    --------
    >>> from jaxlite.parsing import parse_jaxpr
    >>> program = parse_jaxpr(
    ...     "{ lambda ; a:f64[]. let b:f64[] = mul a 1.0:f64[]; c:f64[] = add a b; d:f64[] = sin a in (c,) }"
    ... )
    >>> for name, program in stages(program):
    ...     print(name, program)
    recorded { lambda ; a:f64[]. let
        b:f64[] = mul a 1.0:f64[]
        c:f64[] = add a b
        _:f64[] = sin a
      in (c,) }
    dce { lambda ; a:f64[]. let b:f64[] = mul a 1.0:f64[]; c:f64[] = add a b in (c,) }
    simplify { lambda ; a:f64[]. let b:f64[] = add a a in (b,) }
    """
    yield "recorded", jaxpr
    for _ in range(MAX_ROUNDS):
        before = jaxpr
        for _, run_pass in PIPELINE:
            changed = run_pass(jaxpr)
            if changed is not jaxpr:
                jaxpr = changed
                _check(run_pass.__name__, jaxpr)
                yield run_pass.__name__, jaxpr
        if jaxpr is before:
            return


def optimize(jaxpr: Jaxpr, trace: Callable[[str, Jaxpr], object] | None = None) -> Jaxpr:
    """Run the pipeline until nothing changes.

    Parameters
    ----------
    jaxpr : Jaxpr
    trace : callable, optional
        Called with the name and the result of each pass that changed the program.

    Returns
    -------
    Jaxpr
        With the same inputs and results, of strong types. The same object if there was nothing to do.

    Raises
    ------
    InternalError
        If checks are on, and a pass left an incorrect program.

    Examples
    --------
    >>> from jaxlite.parsing import parse_jaxpr
    >>> optimize(parse_jaxpr("{ lambda ; a:f64[]. let b:f64[] = neg a; c:f64[] = neg b in (c,) }"))
    { lambda ; a:f64[]. let  in (a,) }
    """
    if trace is None:
        return _optimized(jaxpr)
    for name, program in stages(jaxpr):
        trace(name, program)
    return program


@cached_by_jaxpr
def _optimized(jaxpr: Jaxpr) -> Jaxpr:
    *_, (_, program) = stages(jaxpr)
    return program


def _check(name: str, jaxpr: Jaxpr) -> None:
    if not config.read("jax_enable_checks"):
        return
    try:
        check_jaxpr(jaxpr)
    except JaxprTypeError as error:
        raise InternalError(
            f"the pass {name} left an incorrect program: {str(error).splitlines()[0]}",
            why="this is a bug in jaxlite.",
            fix="report it, with the program: jaxlite.make_jaxpr(f)(*args).",
        ) from error
