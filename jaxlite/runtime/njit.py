"""Compiled programs inside the user's own ``@njit`` code: a call of the machine code, linked into the caller. Layer 6.

g = jit(grad(f)).lower(x).compile().njit()

@numba.njit
def descend(x):
    for _ in range(100):
        x = x - 0.1 * g(x)
    return x
"""

from __future__ import annotations

import numpy as np

from jaxlite.codegen.boundary import ERROR_WORDS, OUT_OF_MEMORY
from jaxlite.errors import ArgumentError
from jaxlite.runtime import engine
from jaxlite.runtime.host import equation_at


def njit_function(program, loops):
    """Return a function that numba-compiled code can call.

    Parameters
    ----------
    program : Program
    loops : LoopProgram

    Returns
    -------
    numba.core.registry.CPUDispatcher
        Takes arrays of the very shapes and dtypes, and numbers for inputs of rank 0; returns the
        result, or a tuple of results. Raises IndexError and ValueError.

    Raises
    ------
    ArgumentError
        If the program calls Python: names the operations.
    """
    if program.code.has_entry is False:
        raise ArgumentError("the program takes or returns tapes, which compiled callers cannot hold.")
    sites = loops.host_sites
    if sites:
        eqns = equation_at(program.jaxpr)
        names = ", ".join(sorted({eqns[site].primitive.name for site in sites}))
        raise ArgumentError(
            f"the program cannot be called from @njit: it leaves {names} to Python.",
            why="compiled callers may run without Python's lock.",
            fix="compute that part outside of the compiled caller.",
        )
    return _build(program)


def _build(program):
    numba, ir, cgutils, types, intrinsic = engine.numba_parts()
    code, inputs, outputs = program.code, program.in_avals, program.out_avals
    symbol, count = f"jl_{code.key}", len(inputs) + len(outputs)

    expected = [numba.from_dtype(aval.dtype) for aval in (*inputs, *outputs)]

    @intrinsic
    def run(typing_context, operands):
        for k, (kind, dtype) in enumerate(zip(operands.types, expected, strict=True)):
            if getattr(kind, "dtype", kind) != dtype:
                raise numba.TypingError(f"argument {k} of the compiled program is {dtype}, not {kind}")
        signature = types.int64(operands)

        def codegen(context, builder, signature, args):
            context.active_code_library.add_linking_library(code.library)
            word, pointer = ir.IntType(64), ir.PointerType(ir.IntType(8))
            table = cgutils.alloca_once(builder, pointer, size=count + 1)
            error = cgutils.alloca_once(builder, word, size=ERROR_WORDS)
            places = []
            for k, kind in enumerate(signature.args[0].types):
                value = builder.extract_value(args[0], k)
                if isinstance(kind, types.Array):
                    place = context.make_array(kind)(context, builder, value).data
                else:
                    place = cgutils.alloca_once_value(
                        builder, context.get_value_as_data(builder, kind, value)
                    )
                places.append(builder.bitcast(place, pointer))
            for k, place in enumerate([*places, builder.bitcast(error, pointer)]):
                builder.store(place, builder.gep(table, [word(k)]))
            kind = ir.FunctionType(word, [pointer, pointer])
            function = cgutils.get_or_insert_function(builder.module, kind, symbol)
            return builder.call(function, [pointer(None), builder.bitcast(table, pointer)])

        return signature, codegen

    @numba.njit
    def fail(status):
        if status > 0:
            raise IndexError("an index of a compiled program is out of range")
        if status == OUT_OF_MEMORY:
            raise MemoryError("no room for the working memory of a compiled program")
        # numba raises no others than subclasses of Exception.
        raise RuntimeError("a compiled program was interrupted by a signal")

    space = {"np": np, "run": run, "fail": fail}
    exec(compile(_source(inputs, outputs, space), f"<jaxlite {symbol}>", "exec"), space)
    return numba.njit(space["program"])


def _source(inputs, outputs, space: dict) -> str:
    """Return the function that checks arguments and makes results."""
    names = [f"x{k}" for k in range(len(inputs))]
    lines = [f"def program({', '.join(names)}):"]
    operands = []
    for name, aval in zip(names, inputs, strict=True):
        space[f"dtype_{name}"] = aval.dtype.type
        if aval.shape:
            lines.append(f"    if {name}.shape != {aval.shape!r}:")
            lines.append(
                f'        raise ValueError("{name} has another shape than the compiled program takes")'
            )
            lines.append(f"    a{name} = np.ascontiguousarray({name})")
            operands.append(f"a{name}")
        else:
            operands.append(f"dtype_{name}({name})")
    results = []
    for k, aval in enumerate(outputs):
        space[f"dtype_y{k}"] = aval.dtype.type
        lines.append(f"    y{k} = np.empty({aval.shape or (1,)!r}, dtype_y{k})")
        results.append(f"y{k}" if aval.shape else f"y{k}[0]")
    places = [*operands, *(f"y{k}" for k in range(len(outputs)))]
    lines.append(f"    status = run(({''.join(f'{place}, ' for place in places)}))")
    lines += ["    if status != 0:", "        fail(status)"]
    lines.append(f"    return {results[0] if len(results) == 1 else '(' + ', '.join(results) + ')'}")
    return "\n".join(lines)
