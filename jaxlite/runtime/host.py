"""Calls from machine code back to Python: equations without a native form, callbacks, and errors. Layer 6.

    _host(program, site, addresses)     runs ``primitive.impl`` of equation ``site`` on arrays at those addresses

A program from the cache knows its equations by number alone; what they are is looked up in the jaxpr at hand.
"""

from __future__ import annotations

import ctypes
import functools

import numpy as np

from jaxlite.codegen.boundary import explain, number_equations, stored_aval
from jaxlite.counters import counters
from jaxlite.errors import InternalError
from jaxlite.ir import Eqn, Jaxpr, cached_by_jaxpr
from jaxlite.lowering import UserCall
from jaxlite.runtime import engine


@cached_by_jaxpr
def equation_at(jaxpr: Jaxpr) -> dict[int, Eqn]:
    """Return the equations of an optimised program by their numbers."""
    return {site: eqn for eqn, site in number_equations(jaxpr).items()}


def explain_failure(program, site: int, details) -> Exception:
    """Return the exception for a failed check, with the user's line."""
    eqn = equation_at(program.jaxpr).get(site)
    if eqn is None:
        return InternalError(f"a compiled program failed at equation {site}, which it does not have.")
    return explain(eqn, details)


class _Call:
    """An equation, and how to see its operands and results in memory."""

    def __init__(self, eqn: Eqn):
        self.impl = functools.partial(eqn.primitive.impl, **eqn.params)
        # The memory is used again, and what a user's function was given may live on.
        self.copies = isinstance(eqn.primitive.lower, UserCall)
        avals = [stored_aval(atom.aval) for atom in (*eqn.invars, *eqn.outvars)]
        self.arrays = [_array_of(aval) for aval in avals]
        self.num_operands = len(eqn.invars)
        self.table = ctypes.c_uint64 * max(len(avals), 1)

    def __call__(self, table: int) -> None:
        addresses = self.table.from_address(table)
        arrays = [array(address) for array, address in zip(self.arrays, addresses)]
        operands, places = arrays[: self.num_operands], arrays[self.num_operands :]
        if self.copies:
            operands = [x.copy() for x in operands]
        with np.errstate(all="ignore"):
            results = self.impl(*operands)
        for place, result in zip(places, results, strict=True):
            place[...] = result


def _array_of(aval):
    """Return a function of an address: the array over memory that stands there, without owning it."""
    shape, dtype = aval.shape, aval.dtype
    memory = ctypes.c_char * (aval.size * dtype.itemsize)
    if not aval.size:
        return lambda address: np.empty(shape, dtype)
    return lambda address: np.ndarray(shape, dtype, memory.from_address(address))


@cached_by_jaxpr
def _calls(jaxpr: Jaxpr) -> dict[int, _Call]:
    """Return the calls of a program that were made before, by their equations' numbers."""
    return {}


def _host(program, site: int, table: int) -> None:
    """Run one equation by its implementation; what is raised stays set, and the program leaves at once."""
    counters.add("num_host_calls")
    calls = _calls(program.jaxpr)
    call = calls.get(site)
    if call is None:
        call = calls[site] = _Call(equation_at(program.jaxpr)[site])
    call(table)


@functools.cache
def register() -> None:
    """Give machine code the way back to Python."""
    # A Python object, called by machine code through CPython's own functions. A callback of ctypes would drop what a
    # signal handler raises just before its first line: 7 of 60 loops went on with a result that nobody had written.
    engine.add_symbol("jl_host", id(_host))
