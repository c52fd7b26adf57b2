"""Which values of a program to store so that others follow from them: a minimum cut.

Each value costs its memory if it is stored, and its arithmetic if it is computed again. The formulation follows the
partitioner of PyTorch's AOTAutograd (min-cut rematerialisation), with a price for recomputation besides.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Collection, Sequence
from typing import NamedTuple

from jaxlite.ir import Atom, Eqn, Jaxpr, Tape, Var
from jaxlite.passes.costs import is_movable, recomputing

# Of one byte, written and read again, in additions: from the caches less, from memory more.
STORING = 1.0
_INFINITE = float("inf")


class Cut(NamedTuple):
    """Values of a body to store, and the equations that give the rest, in order."""

    stored: list[Var]
    computed: list[Eqn]


def best_cut(body: Jaxpr, free: Collection[Var], stored: Collection[Var], needed: Sequence[Atom]) -> Cut:
    """Find the cheapest values to store from which ``needed`` follows.

    Those in ``free`` are there without, and those in ``stored`` are stored in any case.
    """
    makers = {v: eqn for eqn in body.eqns for v in eqn.outvars if len(eqn.outvars) == 1 and is_movable(eqn)}
    flow = _Flow()
    seen: set[Var] = set()
    stack = [v for v in needed if type(v) is Var]
    for v in stack:
        flow.connect((v, "known"), "sink", _INFINITE)
    while stack:
        v = stack.pop()
        if v in seen or v in free:
            continue
        seen.add(v)
        maker = makers.get(v)
        again = recomputing(maker) if maker else _INFINITE
        # A tape of a loop inside is a handle.
        small = v in stored or isinstance(v.aval, Tape)
        size = 0 if small else v.aval.size * v.aval.dtype.itemsize
        flow.connect((v, "made"), (v, "known"), STORING * size)
        flow.connect("source", (v, "made"), again)
        if again < _INFINITE:
            for u in maker.invars:
                if type(u) is Var and u not in free:
                    flow.connect((u, "known"), (v, "made"), _INFINITE)
                    stack.append(u)
    reached = flow.reached_from_source()
    again = {v for v in seen if (v, "made") not in reached}
    stored = [v for v in seen if (v, "made") in reached and (v, "known") not in reached]
    order = {v: k for k, v in enumerate((*body.invars, *(v for eqn in body.eqns for v in eqn.outvars)))}
    return Cut(sorted(stored, key=order.__getitem__), [eqn for eqn in body.eqns if again & set(eqn.outvars)])


class _Flow:
    """A network whose smallest cut is wanted (Dinic's algorithm)."""

    def __init__(self):
        self.rest: dict[object, dict[object, float]] = {"source": {}, "sink": {}}

    def connect(self, u, v, capacity: float) -> None:
        self.rest.setdefault(u, {})[v] = self.rest.get(u, {}).get(v, 0.0) + capacity
        self.rest.setdefault(v, {}).setdefault(u, 0.0)

    def reached_from_source(self) -> set:
        """Push all the flow that there is room for; return what the source still reaches."""
        while "sink" in (levels := self._levels()):
            ways = {u: list(self.rest[u]) for u in levels}
            while self._push(levels, ways):
                pass
        return set(levels)

    def _levels(self) -> dict:
        levels, queue = {"source": 0}, deque(["source"])
        while queue:
            u = queue.popleft()
            for v, room in self.rest[u].items():
                if room > 0 and v not in levels:
                    levels[v] = levels[u] + 1
                    queue.append(v)
        return levels

    def _push(self, levels: dict, ways: dict) -> bool:
        """Fill one way on which the level rises; ``ways`` loses what turns out to lead nowhere."""
        path = ["source"]
        while path[-1] != "sink":
            u = path[-1]
            while ways[u] and not (
                self.rest[u][ways[u][-1]] > 0 and levels.get(ways[u][-1]) == levels[u] + 1
            ):
                ways[u].pop()
            if ways[u]:
                path.append(ways[u][-1])
                continue
            path.pop()
            if not path:
                return False
            ways[path[-1]].pop()
        steps = list(itertools.pairwise(path))
        room = min(self.rest[u][v] for u, v in steps)
        for u, v in steps:
            self.rest[u][v] -= room
            self.rest[v][u] += room
        return True
