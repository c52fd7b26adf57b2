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


def _array_at(address: int, aval) -> np.ndarray:
    """Return an array over memory, without owning it."""
    size = aval.size * aval.dtype.itemsize
    if not size:
        return np.empty(aval.shape, aval.dtype)
    memory = (ctypes.c_char * size).from_address(address)
    return np.frombuffer(memory, aval.dtype).reshape(aval.shape)


def run_equation(program, site: int, addresses) -> None:
    """Run one equation by its NumPy implementation."""
    counters.add("num_host_calls")
    eqn = equation_at(program.jaxpr)[site]
    avals = [stored_aval(a.aval) for a in eqn.invars]
    # Copies: a callback may keep what it was given, and the memory is used again.
    operands = [_array_at(addresses[k], aval).copy() for k, aval in enumerate(avals)]
    with np.errstate(all="ignore"):
        results = eqn.primitive.impl(*operands, **eqn.params)
    for k, (var, result) in enumerate(zip(eqn.outvars, results, strict=True)):
        _array_at(addresses[len(avals) + k], var.aval)[...] = result


def _host(program, site: int, table: int) -> None:
    """Run one equation; what is raised stays set, and the program leaves at once."""
    eqn = equation_at(program.jaxpr)[site]
    count = len(eqn.invars) + len(eqn.outvars)
    run_equation(program, site, (ctypes.c_uint64 * max(count, 1)).from_address(table))


@functools.cache
def register() -> None:
    """Give machine code the way back to Python."""
    # A Python object, called by machine code through CPython's own functions. A callback of ctypes would drop what a
    # signal handler raises just before its first line: 7 of 60 loops went on with a result that nobody had written.
    engine.add_symbol("jl_host", id(_host))
