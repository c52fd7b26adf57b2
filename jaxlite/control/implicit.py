"""``custom_linear_solve`` and ``custom_root``: solvers whose derivatives follow from the equation they solve.

    b:f64[2] = linear_solve[
      const_lengths=(1, 1, 1, 1)
      matvec={ lambda ; c:f64[2,2] d:f64[2]. let … = dot_general c d … }
      solve={ … }  transpose_solve={ … }  vecmat={ … }
    ] a a a a e

What the user's functions close over are operands, a group for each program, then comes the right-hand side
(or the first guess). Nobody differentiates through the steps of a solver: A x = b gives A ẋ = ḃ − Ȧ x, and
f(x) = 0 gives f' ẋ = −ḟ.
"""

from __future__ import annotations

from collections.abc import Callable

from jaxlite.control.bodies import is_nonzero, same_type, split_list, stage_body
from jaxlite.errors import ArgumentError, TransposeError
from jaxlite.interpreters.batch import batch_jaxpr, to_front
from jaxlite.interpreters.evaluate import eval_jaxpr, run_jaxpr
from jaxlite.interpreters.jvp import jvp_jaxpr
from jaxlite.interpreters.linearize import linearize_flat
from jaxlite.interpreters.transpose import transpose_jaxpr
from jaxlite.lowering import Region
from jaxlite.ops.elementwise import neg, sub
from jaxlite.ops.structural import instantiate
from jaxlite.primitive import NOT_LINEAR, PURE, RECORD, Primitive, Zero, is_linear
from jaxlite.source import describe_function
from jaxlite.trace import aval_of
from jaxlite.tree import keystr, tree_flatten, tree_flatten_with_path, tree_unflatten


def _tangent_at(jaxpr, consts, consts_dot, values) -> list:
    """Return the tangents of ``jaxpr(consts, values)`` for fixed ``values``; `Zero` where there is none."""
    nonzero = (*map(is_nonzero, consts_dot), *(False for _ in values))
    jvp, nonzero_out = jvp_jaxpr(jaxpr, nonzero)
    outs = eval_jaxpr(jvp, (), *consts, *values, *filter(is_nonzero, consts_dot))
    given = iter(outs[len(jaxpr.outvars) :])
    return [
        next(given) if nz else Zero(a.to_tangent())
        for nz, a in zip(nonzero_out, jaxpr.out_avals, strict=True)
    ]


def _batch_programs(axis, args, dims, const_lengths, num_unknowns: int, programs):
    """Batch every program over its constants and unknowns; all unknowns and all results are mapped.

    ``programs`` holds pairs (Jaxpr or None, how many groups of unknowns it takes after its constants).
    """
    consts_dims = split_list(dims, *const_lengths)[:-1]
    batched = [
        None
        if jaxpr is None
        else batch_jaxpr(jaxpr, axis, (*own_dims, *(0,) * (groups * num_unknowns)), True)[0]
        for (jaxpr, groups), own_dims in zip(programs, consts_dims, strict=True)
    ]
    num_consts = sum(const_lengths)
    unknowns = [
        to_front(x, d, axis.size)[0] for x, d in zip(args[num_consts:], dims[num_consts:], strict=True)
    ]
    return batched, [*args[:num_consts], *unknowns]


# --- linear_solve -----------------------------------------------------------------------------------


def _linear_solve_abstract_eval(*avals, matvec, vecmat, solve, transpose_solve, const_lengths):
    return tuple(a.strip_weak_type() for a in solve.out_avals)


def _linear_solve_impl(*args, matvec, vecmat, solve, transpose_solve, const_lengths):
    _, _, consts, _, b = split_list(args, *const_lengths)
    return run_jaxpr(solve, *consts, *b)


def _linear_solve_jvp(primals, tangents, **params):
    const_lengths, matvec = params["const_lengths"], params["matvec"]
    outs = linear_solve_p.bind(*primals, **params)
    num_unknowns = len(matvec.outvars)
    x = outs[:num_unknowns]
    # A x = b  =>  A ẋ = ḃ − Ȧ x
    rhs = list(tangents[sum(const_lengths) :])
    matvec_dot = tangents[: const_lengths[0]]
    if any(map(is_nonzero, matvec_dot)):
        moved = _tangent_at(matvec, primals[: const_lengths[0]], matvec_dot, x)
        rhs = [_subtract(b_dot, ax_dot) for b_dot, ax_dot in zip(rhs, moved, strict=True)]
    aux_dot = tuple(map(Zero.like, outs[num_unknowns:]))
    if not any(map(is_nonzero, rhs)):
        return outs, (*map(Zero.like, x), *aux_dot)
    x_dot = linear_solve_p.bind(*primals[: sum(const_lengths)], *map(instantiate, rhs), **params)
    return outs, (*x_dot[:num_unknowns], *aux_dot)


def _subtract(x, y):
    if not is_nonzero(y):
        return x
    return neg(y) if not is_nonzero(x) else sub(x, y)


def _linear_solve_transpose(cts, *args, matvec, vecmat, solve, transpose_solve, const_lengths):
    num_consts = sum(const_lengths)
    if transpose_solve is None or any(map(is_linear, args[:num_consts])):
        raise TransposeError(
            "custom_linear_solve has no transpose here, so reverse mode does not work.",
            why="neither transpose_solve nor symmetric=True was given."
            if transpose_solve is None
            else "it is linear in the right-hand side only.",
            fix="custom_linear_solve(..., transpose_solve=lambda vecmat, b: …), or symmetric=True.",
        )
    by_program = split_list(args, *const_lengths)
    # Solving with Aᵀ: matvec and vecmat change places, and so do their solvers.
    order = (1, 0, 3, 2)
    x_bar = list(map(instantiate, cts[: len(matvec.outvars)]))
    b_bar = linear_solve_p.bind(
        *(const for i in order for const in by_program[i]),
        *x_bar,
        matvec=vecmat,
        vecmat=matvec,
        solve=transpose_solve,
        transpose_solve=solve,
        const_lengths=tuple(const_lengths[i] for i in order),
    )
    unknowns = args[num_consts:]
    return (
        *(None for _ in args[:num_consts]),
        *(ct if is_linear(b) else None for ct, b in zip(b_bar, unknowns, strict=False)),
    )


def _linear_solve_batch(axis, args, dims, *, matvec, vecmat, solve, transpose_solve, const_lengths):
    num_unknowns = len(matvec.outvars)
    programs = [(program, 1) for program in (matvec, vecmat, solve, transpose_solve)]
    batched, operands = _batch_programs(axis, args, dims, const_lengths, num_unknowns, programs)
    matvec, vecmat, solve, transpose_solve = batched
    outs = linear_solve_p.bind(
        *operands,
        matvec=matvec,
        vecmat=vecmat,
        solve=solve,
        transpose_solve=transpose_solve,
        const_lengths=const_lengths,
    )
    return outs, (0,) * len(outs)


linear_solve_p = Primitive(
    name="linear_solve",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_linear_solve_abstract_eval,
    impl=_linear_solve_impl,
    jvp=_linear_solve_jvp,
    partial_eval=RECORD,
    transpose=_linear_solve_transpose,
    batch=_linear_solve_batch,
    lower=Region("linear_solve"),
    doc="A z = b;  A ż = ḃ − Ȧ z;  Aᵀ b̄ = z̄",
)


def custom_linear_solve(
    matvec: Callable,
    b,
    solve: Callable,
    transpose_solve: Callable | None = None,
    symmetric: bool = False,
    has_aux: bool = False,
):
    """Solve ``matvec(x) = b`` with a solver of your own, and differentiate the equation instead of its steps.

    Parameters
    ----------
    matvec : callable
        ``x -> A x``, linear; a pytree like ``b`` in and out.
    b : pytree of arrays
    solve : callable
        ``(matvec, b) -> x``.
    transpose_solve : callable, optional
        ``(vecmat, b) -> x`` that solves ``Aᵀ x = b``; reverse mode needs it.
    symmetric : bool
        Whether A is symmetric, so that ``solve`` does for Aᵀ too.
    has_aux : bool
        Whether ``solve`` and ``transpose_solve`` return ``(x, aux)``; ``aux`` has no derivative.

    Returns
    -------
    x : pytree of arrays
        Like ``b``.
    aux : pytree, only if ``has_aux``

    Raises
    ------
    ArgumentError
        If ``matvec`` or ``solve`` returns something that is not like ``b``.
    TransposeError
        In reverse mode, if there is neither ``transpose_solve`` nor ``symmetric``.

    Notes
    -----
    A ẋ = ḃ − Ȧ x, where Ȧ comes from what ``matvec`` closes over; Aᵀ b̄ = x̄. Derivatives do not depend on
    how ``solve`` works, so it may loop until convergence.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> from jaxlite.lax import custom_linear_solve
    >>> def solve_diagonal(d, b):
    ...     return custom_linear_solve(lambda x: d * x, b, lambda matvec, b: b / d, symmetric=True)
    >>> jaxlite.grad(lambda d: solve_diagonal(d, np.ones(2)).sum())(np.array([1.0, 2.0]))
    Array([-1.  , -0.25], dtype=float64)
    """
    leaves, tree = tree_flatten(b)
    avals = [aval_of(x).strip_weak_type() for x in leaves]
    _, in_tree = tree_flatten((b,))
    matvec_body = stage_body(matvec, in_tree, avals, f"matvec, {describe_function(matvec)}")
    _check_like("custom_linear_solve", "matvec", matvec, "b", b, avals, matvec_body)

    def stage_solver(solver, mapping, what):
        body = stage_body(
            lambda b: solver(mapping, b), in_tree, avals, f"{what}, {describe_function(solver)}"
        )
        _check_like("custom_linear_solve", what, solver, "b", b, avals, body, has_aux)
        return body

    solve_body = stage_solver(solve, matvec, "solve")
    if symmetric:
        vecmat_jaxpr, vecmat_consts = matvec_body.jaxpr, matvec_body.consts
        transposed = (
            solve_body
            if transpose_solve is None
            else stage_solver(transpose_solve, matvec, "transpose_solve")
        )
    elif transpose_solve is not None:
        linear = (False,) * len(matvec_body.consts) + (True,) * len(leaves)
        vecmat_jaxpr, _ = transpose_jaxpr(matvec_body.jaxpr, linear, (True,) * len(leaves), True)
        vecmat_consts = matvec_body.consts

        def vecmat(x):
            return tree_unflatten(tree, eval_jaxpr(vecmat_jaxpr, (), *vecmat_consts, *tree_flatten(x)[0]))

        transposed = stage_solver(transpose_solve, vecmat, "transpose_solve")
    else:
        vecmat_jaxpr, vecmat_consts, transposed = None, (), None
    groups = (
        matvec_body.consts,
        vecmat_consts,
        solve_body.consts,
        () if transposed is None else transposed.consts,
    )
    outs = linear_solve_p.bind(
        *(const for group in groups for const in group),
        *leaves,
        matvec=matvec_body.jaxpr,
        vecmat=vecmat_jaxpr,
        solve=solve_body.jaxpr,
        transpose_solve=None if transposed is None else transposed.jaxpr,
        const_lengths=tuple(map(len, groups)),
    )
    return tree_unflatten(solve_body.out_tree, outs)


def _check_like(
    caller: str, what: str, fun, like_name: str, like, avals, body, has_aux: bool = False
) -> None:
    """Raise unless a function returned a pytree of the structure and types of ``like`` (beside aux)."""
    _, tree = tree_flatten(like)
    out_tree = body.out_tree
    if has_aux:
        children = out_tree.children()
        if len(children) != 2:
            raise ArgumentError(
                f"{caller}: {what}, {describe_function(fun)}, must return a pair (x, aux) with has_aux=True; "
                f"it returned {out_tree}."
            )
        out_tree = children[0]
    if out_tree != tree:
        raise ArgumentError(
            f"{caller}: {what}, {describe_function(fun)}, returned another structure than {like_name}.",
            details=[f"{like_name}: {tree}", f"{what}: {out_tree}"],
        )
    paths = [path for path, _ in tree_flatten_with_path(like)[0]]
    for path, expected, got in zip(paths, avals, body.jaxpr.out_avals, strict=False):
        if not same_type(expected, got):
            raise ArgumentError(
                f"{caller}: {what}, {describe_function(fun)}, returned {got.strip_weak_type()} "
                f"where {like_name}{keystr(path)} is {expected}.",
                fix=f"return arrays of the shapes and dtypes of {like_name}; "
                f"convert an integer {like_name} to floating point.",
            )


# --- root -------------------------------------------------------------------------------------------


def _root_abstract_eval(*avals, f, solve, tangent_solve, const_lengths):
    return tuple(a.strip_weak_type() for a in solve.out_avals)


def _root_impl(*args, f, solve, tangent_solve, const_lengths):
    _, consts, _, guess = split_list(args, *const_lengths)
    return run_jaxpr(solve, *consts, *guess)


def _root_jvp(primals, tangents, **params):
    const_lengths, f = params["const_lengths"], params["f"]
    outs = root_p.bind(*primals, **params)
    num_unknowns = len(f.outvars)
    x = outs[:num_unknowns]
    f_consts, _, tangent_consts, _ = split_list(primals, *const_lengths)
    zeros = tuple(map(Zero.like, outs))
    f_dot = tangents[: const_lengths[0]]
    if not any(map(is_nonzero, f_dot)):
        return outs, zeros
    # f(m, x(m)) = 0  =>  ∂f/∂x ẋ = −∂f/∂m ṁ
    rhs = [neg(t) if is_nonzero(t) else t for t in _tangent_at(f, f_consts, f_dot, x)]
    if not any(map(is_nonzero, rhs)):
        return outs, zeros
    x_dot = eval_jaxpr(params["tangent_solve"], (), *tangent_consts, *x, *map(instantiate, rhs))
    return outs, (*x_dot, *zeros[num_unknowns:])


def _root_batch(axis, args, dims, *, f, solve, tangent_solve, const_lengths):
    programs = [(f, 1), (solve, 1), (tangent_solve, 2)]
    batched, operands = _batch_programs(axis, args, dims, const_lengths, len(f.outvars), programs)
    f, solve, tangent_solve = batched
    outs = root_p.bind(*operands, f=f, solve=solve, tangent_solve=tangent_solve, const_lengths=const_lengths)
    return outs, (0,) * len(outs)


root_p = Primitive(
    name="root",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_root_abstract_eval,
    impl=_root_impl,
    jvp=_root_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_root_batch,
    lower=Region("root"),
    doc="f(z) = 0;  f'(z) ż = −ḟ(z)",
)


def custom_root(f: Callable, initial_guess, solve: Callable, tangent_solve: Callable, has_aux: bool = False):
    """Find a root with a solver of your own, and differentiate ``f(x) = 0`` instead of its steps.

    Parameters
    ----------
    f : callable
        ``x -> f(x)``, a pytree like ``initial_guess`` in and out.
    initial_guess : pytree of arrays
        Has no influence on derivatives.
    solve : callable
        ``(f, initial_guess) -> x`` with f(x) ≈ 0.
    tangent_solve : callable
        ``(g, y) -> x`` with g(x) = y, where g is linear: the derivative of f at the root. It must be linear
        in y. For scalars ``lambda g, y: y / g(1.0)``; for vectors
        ``lambda g, y: jnp.linalg.solve(jaxlite.jacobian(g)(y), y)``.
    has_aux : bool
        Whether ``solve`` returns ``(x, aux)``; ``aux`` has no derivative.

    Returns
    -------
    x : pytree of arrays
        Like ``initial_guess``.
    aux : pytree, only if ``has_aux``

    Raises
    ------
    ArgumentError
        If a function returns something that is not like ``initial_guess``.

    Notes
    -----
    Differentiates with respect to everything that ``f`` closes over, by the implicit function theorem:
    f'(x) ẋ = −ḟ.

    Examples
    --------
    >>> import jaxlite
    >>> def square_root(a):
    ...     def newton(f, x):
    ...         return jaxlite.lax.fori_loop(0, 8, lambda _, x: x - f(x) / (2.0 * x), x)
    ...     return jaxlite.lax.custom_root(lambda x: x * x - a, 1.0, newton, lambda g, y: y / g(1.0))
    >>> jaxlite.grad(square_root)(4.0)
    Array(0.25, dtype=float64)
    """
    leaves, tree = tree_flatten(initial_guess)
    avals = [aval_of(x).strip_weak_type() for x in leaves]
    _, in_tree = tree_flatten((initial_guess,))
    f_body = stage_body(f, in_tree, avals, f"the function of custom_root, {describe_function(f)}")
    _check_like("custom_root", "f", f, "initial_guess", initial_guess, avals, f_body)
    name = f"solve, {describe_function(solve)}"
    solve_body = stage_body(lambda guess: solve(f, guess), in_tree, avals, name)
    _check_like("custom_root", "solve", solve, "initial_guess", initial_guess, avals, solve_body, has_aux)

    def linearize_and_solve(x, y):
        def flat_f(*values):
            return tree_flatten(f(tree_unflatten(tree, values)))[0]

        _, linear, residuals, nonzero = linearize_flat(flat_f, tree_flatten(x)[0])

        def g(x_dot):
            given = iter(eval_jaxpr(linear, residuals, *tree_flatten(x_dot)[0]))
            return tree_unflatten(
                tree,
                [
                    next(given) if nz else instantiate(Zero(a.to_tangent()))
                    for nz, a in zip(nonzero, avals, strict=True)
                ],
            )

        return tangent_solve(g, y)

    _, pair_tree = tree_flatten((initial_guess, initial_guess))
    name = f"tangent_solve, {describe_function(tangent_solve)}"
    tangent_body = stage_body(linearize_and_solve, pair_tree, [*avals, *avals], name)
    _check_like(
        "custom_root", "tangent_solve", tangent_solve, "initial_guess", initial_guess, avals, tangent_body
    )
    bodies = (f_body, solve_body, tangent_body)
    outs = root_p.bind(
        *(const for body in bodies for const in body.consts),
        *leaves,
        f=f_body.jaxpr,
        solve=solve_body.jaxpr,
        tangent_solve=tangent_body.jaxpr,
        const_lengths=tuple(len(body.consts) for body in bodies),
    )
    return tree_unflatten(solve_body.out_tree, outs)
