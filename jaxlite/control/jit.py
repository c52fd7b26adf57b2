"""``jit``: record a function once per signature, then run its program as machine code.

    jit[ name=f  jaxpr={ lambda ; a:f64[3]. let b:f64[3] = sin a in (b,) } ] x

The program is a param of one primitive, so every transformation of a jitted function transforms (and caches) the
program, and what comes out is compiled again. The compiler stands a layer above and is installed by `install_compiler`.
"""

from __future__ import annotations

import functools
import inspect
import operator
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jaxlite import source
from jaxlite.config import debug_level, jit_is_disabled
from jaxlite.counters import counters
from jaxlite.dtypes import as_dtype
from jaxlite.errors import ArgumentError, StaticArgumentError
from jaxlite.interpreters.batch import batch_jaxpr, live_axes
from jaxlite.interpreters.evaluate import run_jaxpr
from jaxlite.interpreters.jvp import jvp_jaxpr
from jaxlite.interpreters.linearize import partial_eval_jaxpr
from jaxlite.interpreters.stage import stage
from jaxlite.interpreters.transpose import transpose_jaxpr
from jaxlite.ir import (
    ClosedJaxpr,
    Eqn,
    Jaxpr,
    ShapedArray,
    Var,
    cached_by_jaxpr,
    lift_constvars,
    subjaxprs,
)
from jaxlite.lowering import Region
from jaxlite.primitive import PURE, Primitive, Zero, is_linear
from jaxlite.source import describe_function
from jaxlite.trace import EVAL, RUN_EAGERLY, Tracer, aval_of, current_trace, is_value, unsupported_value
from jaxlite.tree import PyTreeDef, keystr, tree_flatten, tree_flatten_with_path, tree_unflatten

# --- the primitive ----------------------------------------------------------------------------------


def _jit_abstract_eval(*avals, jaxpr, name):
    return tuple(a.strip_weak_type() for a in jaxpr.out_avals)


_compiler: Callable[[], Any] | None = None
_stages: Callable[[], Any] | None = None


def install_compiler(compiler: Callable[[], Any], stages: Callable[[], Any]) -> None:
    """Say where the compiler is: two modules, with ``compile_jaxpr`` and with ``lower``, loaded when called for."""
    global _compiler, _stages
    _compiler, _stages = functools.cache(compiler), functools.cache(stages)


def _jit_impl(*args, jaxpr, name):
    if jit_is_disabled():
        return run_jaxpr(jaxpr, *args)
    return _compiler().compile_jaxpr(jaxpr)(*args)


def compile_when_eager(primitive: Primitive) -> None:
    """Let the evaluation trace compile an equation of control flow as a program of its own.

    `disable_jit` leaves it to its ``impl``, as `run_jaxpr` does.
    """

    def run(*args, **params):
        if jit_is_disabled():
            return primitive.impl(*args, **params)
        owner = next(subjaxprs(params))
        jaxpr = _one_equation(owner, primitive, tuple(map(aval_of, args)), tuple(params.items()))
        return _compiler().compile_jaxpr(jaxpr)(*args)

    RUN_EAGERLY[primitive] = run


@cached_by_jaxpr
def _one_equation(owner: Jaxpr, primitive: Primitive, avals: tuple, params: tuple) -> Jaxpr:
    """Return the program of one equation; kept by ``owner``, one of the programs in its params."""
    params = dict(params)
    invars = tuple(map(Var, avals))
    outvars = tuple(map(Var, primitive.abstract_eval(*avals, **params)))
    eqn = Eqn(primitive, invars, outvars, params, source.capture())
    return Jaxpr(invars, (), (eqn,), outvars)


def _jit_jvp(primals, tangents, *, jaxpr, name):
    nonzero = tuple(type(t) is not Zero for t in tangents)
    jvp, nonzero_out = jvp_jaxpr(jaxpr, nonzero)
    outs = jit_p.bind(*primals, *[t for t in tangents if type(t) is not Zero], jaxpr=jvp, name=name)
    return split_jvp_outs(outs, nonzero_out, jaxpr.out_avals)


def split_jvp_outs(outs, nonzero_out, avals):
    """Split ``(y_1, …, y_m, ẏ_j where nonzero)`` into primals and tangents, zeros put back."""
    primals_out, given = outs[: len(avals)], iter(outs[len(avals) :])
    tangents_out = [
        next(given) if nz else Zero(a.to_tangent()) for nz, a in zip(nonzero_out, avals, strict=True)
    ]
    return tuple(primals_out), tuple(tangents_out)


def _jit_partial_eval(trace, args, *, jaxpr, name):
    known = tuple(map(trace.knows, args))
    known_jaxpr, unknown_jaxpr, known_out, residual_avals = partial_eval_jaxpr(jaxpr, known)
    known_args = [arg for arg, k in zip(args, known, strict=True) if k]
    outs = jit_p.bind(*known_args, jaxpr=known_jaxpr, name=name)
    split = len(outs) - len(residual_avals)
    residuals = forward_inputs(known_jaxpr, known_args, outs)[split:]
    unknown_args = [arg for arg, k in zip(args, known, strict=True) if not k]
    unknown_outs = trace.record(jit_p, [*residuals, *unknown_args], {"jaxpr": unknown_jaxpr, "name": name})
    return merge(known_out, outs[:split], unknown_outs)


def forward_inputs(jaxpr: Jaxpr, args, outs) -> list:
    """Replace outputs that are inputs handed through by the values that went in."""
    position = {v: i for i, v in enumerate(jaxpr.invars)}
    return [args[position[v]] if v in position else out for v, out in zip(jaxpr.outvars, outs, strict=True)]


def merge(mask: Sequence[bool], where_true: Sequence, where_false: Sequence) -> list:
    """Interleave two lists by a mask."""
    true, false = iter(where_true), iter(where_false)
    return [next(true) if m else next(false) for m in mask]


def _jit_transpose(cts, *args, jaxpr, name):
    linear = tuple(map(is_linear, args))
    nonzero = tuple(type(ct) is not Zero for ct in cts)
    transposed, nonzero_out = transpose_jaxpr(jaxpr, linear, nonzero)
    residuals = [arg for arg, lin in zip(args, linear, strict=True) if not lin]
    outs = jit_p.bind(*residuals, *[ct for ct in cts if type(ct) is not Zero], jaxpr=transposed, name=name)
    given = iter(outs)
    cts_in = iter([next(given) if nz else None for nz in nonzero_out])
    return tuple(next(cts_in) if lin else None for lin in linear)


def _jit_batch(axis, args, dims, *, jaxpr, name):
    batched, out_dims = batch_jaxpr(jaxpr, axis, tuple(dims))
    return jit_p.bind(*args, jaxpr=batched, name=name), out_dims


jit_p = Primitive(
    name="jit",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_jit_abstract_eval,
    impl=_jit_impl,
    jvp=_jit_jvp,
    partial_eval=_jit_partial_eval,
    transpose=_jit_transpose,
    batch=_jit_batch,
    lower=Region("call"),
    doc="z = jaxpr(x)",
)


# --- the user's function ----------------------------------------------------------------------------


class TracedProgram(NamedTuple):
    """What one signature of a jitted function was recorded as; ``consts`` lead the operands."""

    jaxpr: Jaxpr
    consts: tuple
    out_tree: PyTreeDef


class Traced(NamedTuple):
    """The result of ``jit(f).trace(*args)``: the program of one signature."""

    jaxpr: ClosedJaxpr
    in_tree: PyTreeDef
    out_tree: PyTreeDef
    fun_name: str

    def lower(self, **_options):
        """Return the program before it is compiled, with its stages as text: `runtime.stages.Lowered`."""
        return _stages().lower(self)

    @property
    def in_avals(self):
        return self.jaxpr.in_avals

    @property
    def out_avals(self):
        return self.jaxpr.out_avals

    @property
    def out_info(self):
        return tree_unflatten(self.out_tree, list(map(ShapeDtypeStruct.like, self.out_avals)))


class ShapeDtypeStruct:
    """Shape and dtype of an array, without the array: what ``eval_shape`` takes and returns.

    Parameters
    ----------
    shape : sequence of int
    dtype : dtype-like
    """

    __slots__ = ("aval",)

    def __init__(self, shape, dtype, *, weak_type: bool = False, **_ignored):
        from_dtype = aval_of_dtype(dtype)
        self.aval = ShapedArray(tuple(int(n) for n in shape), from_dtype, weak_type)

    @staticmethod
    def like(value) -> ShapeDtypeStruct:
        """Make one from an aval or a value."""
        aval = value if isinstance(value, ShapedArray) else aval_of(value)
        return ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self):
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return self.aval.ndim

    @property
    def size(self) -> int:
        return self.aval.size

    @property
    def weak_type(self) -> bool:
        return self.aval.weak_type

    def __eq__(self, other) -> bool:
        return isinstance(other, ShapeDtypeStruct) and self.aval == other.aval

    def __hash__(self) -> int:
        return hash(self.aval)

    def __repr__(self) -> str:
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype.name})"


# Programs belong to the function, not to its wrapper: ``jit(f)(x)`` in a loop records ``f`` once.
_PROGRAMS: weakref.WeakKeyDictionary[Callable, dict] = weakref.WeakKeyDictionary()


def _programs_of(fun: Callable, static_argnums, static_argnames) -> dict[Any, TracedProgram]:
    try:
        of_function = _PROGRAMS.setdefault(fun, {})
    except TypeError:  # cannot be hashed or referred to weakly
        return {}
    return of_function.setdefault((static_argnums, static_argnames), {})


_JITTED: weakref.WeakSet[Jitted] = weakref.WeakSet()


def clear_caches() -> None:
    """Forget every recorded program of every jitted function; the next calls record and compile again.

    Machine code that is no longer reachable stays in memory, some 0.2 MB a program: LLVM does not free it.

    Examples
    --------
    >>> import jaxlite
    >>> jaxlite.clear_caches()
    """
    for jitted in list(_JITTED):
        jitted.clear_cache()
    for programs in list(_PROGRAMS.values()):
        for of_statics in programs.values():
            of_statics.clear()
    _compiler().forget()


class _NoMatch:
    """What a machine entry answers when a call is not for it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_MATCH"


NO_MATCH = _NoMatch()
# Signatures that are tried one after the other before the general way, which looks them up by type.
MAX_ENTRIES = 8


def _in_a_list(entry):
    """Wrap an entry of one result so that it gives a list of leaves."""

    def call(*leaves):
        out = entry(*leaves)
        return out if out is NO_MATCH else [out]

    return call


def entry_key(entry):
    return (entry.func, *map(id, entry.args)) if isinstance(entry, functools.partial) else (entry,)


class Jitted:
    """A function that records itself once per signature. Made by `jit`."""

    def __init__(self, fun: Callable, static_argnums, static_argnames):
        # Not the attributes of a callable object: they would stand in for those of this one.
        functools.update_wrapper(self, fun, updated=())
        self._fun = fun
        self._name = getattr(fun, "__name__", None) or type(fun).__name__
        self._signature = _signature_of(fun)
        self._static_argnums, self._static_argnames = resolve_static(
            self._signature, static_argnums, static_argnames, self._name
        )
        self._programs = _programs_of(fun, self._static_argnums, self._static_argnames)
        # Machine entries that take the positional arguments as they are, and those that take leaves, by tree. Each
        # answers NO_MATCH unless the arguments have just its types and nothing is being transformed.
        self._entries: list[Callable] = []
        self._tree_entries: dict[PyTreeDef, list[tuple[Callable, PyTreeDef]]] = {}
        _JITTED.add(self)

    def __call__(self, *args, **kwargs):
        if not kwargs:
            for entry in self._entries:
                out = entry(*args)
                if out is not NO_MATCH:
                    return out
        return self._call(args, kwargs)

    def _call(self, args, kwargs):
        """Call by the general way, which records and compiles what is new."""
        if self._tree_entries:
            leaves, in_tree = tree_flatten((args, kwargs))
            for entry, out_tree in self._tree_entries.get(in_tree, ()):
                out = entry(*leaves)
                if out is not NO_MATCH:
                    return tree_unflatten(out_tree, out)
        if jit_is_disabled():
            return self._fun(*args, **kwargs)
        leaves, program = self._program(args, kwargs)
        outs = jit_p.bind(*program.consts, *leaves, jaxpr=program.jaxpr, name=self._name)
        if current_trace() is EVAL and not self._static_argnums and not self._static_argnames:
            self._install_entry(program, (args, kwargs))
        return tree_unflatten(program.out_tree, outs)

    def _install_entry(self, program: TracedProgram, dynamic) -> None:
        """Let later calls of this signature go to machine code directly."""
        compiled = program.jaxpr.derived.get(_compiler().compile_jaxpr)
        entry = getattr(compiled, "entry", None)
        if entry is None or live_axes() or any(isinstance(const, Tracer) for const in program.consts):
            return
        if program.consts:
            entry = functools.partial(entry, *program.consts)
        in_tree = tree_flatten(dynamic)[1]
        flat_in = in_tree == tree_flatten((tuple(0 for _ in dynamic[0]), {}))[1]
        num_outs = program.out_tree.num_leaves
        flat_out = program.out_tree == tree_flatten(0 if num_outs == 1 else tuple(range(num_outs)))[1]
        if flat_in and flat_out:
            entries = self._entries
            known = entry_key(entry) in map(entry_key, entries)
            if not known and len(entries) < MAX_ENTRIES:
                entries.append(entry)
            elif not known:
                entries[1:] = [entry, *entries[1:-1]]
            return
        unpack = entry if num_outs != 1 else _in_a_list(entry)
        self._tree_entries.setdefault(in_tree, []).append((unpack, program.out_tree))

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<jit of {describe_function(self._fun)}>"

    def trace(self, *args, **kwargs) -> Traced:
        """Record the function for these arguments and return its program."""
        leaves, program = self._program(args, kwargs)
        n = len(program.consts)
        jaxpr = program.jaxpr.replace(invars=program.jaxpr.invars[n:], constvars=program.jaxpr.invars[:n])
        _, dynamic = self._split_static(args, kwargs)
        closed = ClosedJaxpr(jaxpr, program.consts)
        return Traced(closed, tree_flatten(dynamic)[1], program.out_tree, self._name)

    def lower(self, *args, **kwargs):
        """Record the function for these arguments and return the program before it is compiled.

        Returns
        -------
        Lowered
            With ``.as_text(stage)``, ``.compile()`` and ``.cost_analysis()``.
        """
        return self.trace(*args, **kwargs).lower()

    def eval_shape(self, *args, **kwargs):
        """Return shapes and dtypes of the results, as `ShapeDtypeStruct`."""
        return self.trace(*args, **kwargs).out_info

    def clear_cache(self) -> None:
        """Forget every recorded program."""
        self._programs.clear()
        self._entries.clear()
        self._tree_entries.clear()

    def _program(self, args, kwargs) -> tuple[list, TracedProgram]:
        static, dynamic = self._split_static(args, kwargs)
        leaves, in_tree = tree_flatten(dynamic)
        try:
            avals = tuple([aval_of(leaf) for leaf in leaves])
        except TypeError:
            raise self._bad_leaf(dynamic) from None
        key = (in_tree, avals, static, live_axes())
        try:
            program = self._programs.get(key)
        except TypeError:
            raise self._unhashable(static) from None
        if program is None:
            if debug_level() >= 2 and self._programs:
                self._say_why(key, dynamic)
            program = self._record(static, in_tree, avals, dynamic)
            if not any(isinstance(const, Tracer) for const in program.consts):
                self._programs[key] = program
        return leaves, program

    def _say_why(self, key, dynamic) -> None:
        """Print what differs from the signature recorded last."""
        in_tree, avals, static, _ = key
        old_tree, old_avals, old_static, _ = next(reversed(self._programs))
        if in_tree != old_tree:
            reasons = [f"the arguments have the structure {in_tree}, not {old_tree}"]
        else:
            names = self._arg_names(static, dynamic)
            changed = zip(names, old_avals, avals, strict=True)
            reasons = [f"{name}: {old} -> {new}" for name, old, new in changed if old != new]
        if static != old_static:
            reasons.append(f"static arguments {[v for *_, v in old_static]} -> {[v for *_, v in static]}")
        print(f"jaxlite: {self._name} is recorded again: {'; '.join(reasons)}", file=sys.stderr)

    def _split_static(self, args, kwargs):
        """Split into static ``((position or name, type, value), …)`` and the dynamic ``(args, kwargs)``."""
        if not self._static_argnums and not self._static_argnames:
            return (), (args, kwargs)
        n = len(args)
        positions = {i % n if i < 0 else i for i in self._static_argnums if -n <= i < n}
        static = [(i, type(args[i]), args[i]) for i in sorted(positions)]
        names = [name for name in sorted(kwargs) if name in self._static_argnames]
        static += [(name, type(kwargs[name]), kwargs[name]) for name in names]
        dynamic_args = tuple(arg for i, arg in enumerate(args) if i not in positions)
        dynamic_kwargs = {name: value for name, value in kwargs.items() if name not in self._static_argnames}
        return tuple(static), (dynamic_args, dynamic_kwargs)

    def _join_static(self, static, args, kwargs):
        args, kwargs = list(args), dict(kwargs)
        for where, _, value in static:
            if isinstance(where, int):
                args.insert(where, value)
            else:
                kwargs[where] = value
        return args, kwargs

    def _record(self, static, in_tree, avals, dynamic) -> TracedProgram:
        out_tree = None

        def flat_fun(*tracers):
            nonlocal out_tree
            args, kwargs = self._join_static(static, *tree_unflatten(in_tree, tracers))
            result = self._fun(*args, **kwargs)
            outs, out_tree = tree_flatten(result)
            check_results(outs, result, self._fun, "jit")
            return outs

        counters.add("num_traces")
        names = self._arg_names(static, dynamic)
        jaxpr, consts = stage(flat_fun, avals, self._name, names, keep_dead=True)
        return TracedProgram(lift_constvars(jaxpr), consts, out_tree)

    def _arg_names(self, static, dynamic) -> list[str]:
        static_positions = [where for where, _, _ in static if isinstance(where, int)]
        return leaf_names(self._signature, dynamic, static_positions)

    def _bad_leaf(self, dynamic):
        for path, leaf in tree_flatten_with_path(dynamic)[0]:
            if not is_value(leaf):
                names = self._arg_names((), dynamic)
                index = [p for p, _ in tree_flatten_with_path(dynamic)[0]].index(path)
                return unsupported_value(leaf, f"argument {names[index]!r} of {self._name}")
        raise AssertionError("every leaf is a value")

    def _unhashable(self, static):
        for where, _, value in static:
            try:
                hash(value)
            except TypeError as error:
                return StaticArgumentError(
                    f"static argument {where!r} of {self._name} cannot be hashed: {value!r:.60}",
                    why=f"static arguments are part of the key of recorded programs ({error}).",
                    fix="pass a tuple instead of a list or dict, or make the argument dynamic.",
                )
        raise AssertionError("every static argument can be hashed")


def aval_of_dtype(dtype):
    """Return the ``np.dtype`` of a dtype-like argument."""
    # A NumPy scalar type has an attribute of that name too, which is no dtype.
    from_value = dtype if isinstance(dtype, type) else getattr(dtype, "dtype", dtype)
    return as_dtype(from_value)


def leaf_names(signature, dynamic, static_positions=()) -> list[str]:
    """Name every leaf of ``(args, kwargs)`` after its parameter: ``x``, ``params['w']`` …"""
    positional = [] if signature is None else _positional_names(signature)
    free = [
        i
        for i in range(len(positional) + len(dynamic[0]) + len(static_positions))
        if i not in static_positions
    ]
    names = []
    for path, _ in tree_flatten_with_path(dynamic)[0]:
        part, where, rest = path[0].idx, path[1], path[2:]
        if part == 0:
            index = free[where.idx]
            name = positional[index] if index < len(positional) else f"args[{index}]"
        else:
            name = where.key
        names.append(f"{name}{keystr(rest)}")
    return names


def check_results(outs, result, fun, transformation: str) -> None:
    """Raise unless every leaf a user's function returned is a value."""
    for i, out in enumerate(outs):
        if not is_value(out):
            path, _ = tree_flatten_with_path(result)[0][i]
            raise ArgumentError(
                f"{describe_function(fun)}, called by {transformation}, returned {type(out).__name__} "
                f"{out!r:.60} at result{keystr(path)}.",
                why="a program returns arrays and numbers only.",
                fix="return it from outside the transformed function.",
            )


def _signature_of(fun) -> inspect.Signature | None:
    try:
        return inspect.signature(fun)
    except (TypeError, ValueError):
        return None


def _positional_names(signature) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in signature.parameters.values() if p.kind in kinds]


def resolve_static(signature, argnums, argnames, name: str) -> tuple[tuple[int, ...], frozenset[str]]:
    """Complete static positions by names and names by positions, as far as the signature tells."""
    argnums = () if argnums is None else _static_positions(argnums)
    argnames = () if argnames is None else (argnames,) if isinstance(argnames, str) else tuple(argnames)
    if signature is None:
        return argnums, frozenset(argnames)
    positional = _positional_names(signature)
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
    takes_more = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in signature.parameters.values())
    for wanted in argnames:
        if wanted not in signature.parameters and not takes_any:
            raise StaticArgumentError(
                f"static_argnames names {wanted!r}, but {name} has no such argument.",
                fix=f"its arguments are {', '.join(signature.parameters)}.",
            )
    for i in argnums:
        if not takes_more and not -len(positional) <= i < len(positional):
            raise StaticArgumentError(
                f"static_argnums holds {i}, but {name} has {len(positional)} positional arguments."
            )
    if not takes_more:
        # Counted from the end of the parameters, not of what one call happens to pass.
        argnums = tuple(i % len(positional) for i in argnums)
    by_name = {positional.index(wanted) for wanted in argnames if wanted in positional}
    by_position = {positional[i] for i in argnums if -len(positional) <= i < len(positional)}
    return tuple(sorted({*argnums, *by_name})), frozenset({*argnames, *by_position})


def _static_positions(argnums) -> tuple[int, ...]:
    try:
        return tuple(map(operator.index, argnums if isinstance(argnums, tuple | list) else (argnums,)))
    except TypeError:
        raise StaticArgumentError(
            f"static_argnums must be an int or a sequence of ints, not {argnums!r}.",
            fix="give positions; names go into static_argnames.",
        ) from None


_UNSET = object()


def jit(
    fun=_UNSET,
    /,
    *,
    static_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Sequence[str] | None = None,
    donate_argnums=None,
    donate_argnames=None,
    keep_unused: bool = False,
    device=None,
    backend=None,
    inline: bool = False,
    compiler_options=None,
    in_shardings=None,
    out_shardings=None,
):
    """Record ``fun`` once per signature, compile it to machine code, and run that from then on.

    Parameters
    ----------
    fun : callable
        A pure function of arrays and pytrees of arrays. Omitted, ``jit`` returns a decorator.
    static_argnums, static_argnames : int or str, or sequences of them, optional
        Arguments that Python code needs the values of; hashable. Each new value records a new program.
    donate_argnums, donate_argnames, keep_unused, device, backend, inline, compiler_options, in_shardings, out_shardings
        Accepted for programs written for JAX, and ignored.

    Returns
    -------
    callable
        With ``.trace(*args)`` (the program), ``.lower(*args)`` (its stages), ``.eval_shape(*args)`` and
        ``.clear_cache()``.

    Raises
    ------
    StaticArgumentError
        If a static argument cannot be hashed or does not exist.
    TracerBoolConversionError, ConcretizationTypeError
        If ``fun`` needs a number where it is traced.
    UnexpectedTracerError
        If a traced value outlived its function.

    Notes
    -----
    Programs are cached by the pytree structure, shapes and dtypes of the arguments and the values of static ones.
    NumPy arrays that ``fun`` captures are copied when it is recorded.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> @jaxlite.jit
    ... def f(x):
    ...     return 2.0 * np.sin(x)
    >>> f(np.zeros(2))
    Array([0., 0.], dtype=float64)
    >>> f.trace(1.0).jaxpr
    { lambda ; a:f64*[]. let b:f64[] = sin a; c:f64[] = mul 2.0:f64[] b in (c,) }
    """
    if fun is _UNSET:
        return lambda f: jit(f, static_argnums=static_argnums, static_argnames=static_argnames)
    if not callable(fun):
        raise ArgumentError(
            f"jit needs a callable, not {type(fun).__name__}.", fix="jit(f)(x), not jit(f(x))."
        )
    return Jitted(fun, static_argnums, static_argnames)
