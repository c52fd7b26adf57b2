"""Passes change the text of programs as the golden texts say, and never a bit of their results."""

import gc
import weakref

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.api import make_jaxpr
from jaxlite.check import assert_jaxpr_equal, check_jaxpr, jaxpr_equal
from jaxlite.config import config, disable_jit
from jaxlite.errors import InternalError
from jaxlite.interpreters.evaluate import run_jaxpr
from jaxlite.ir import Jaxpr, Literal, lift_constvars, subjaxprs
from jaxlite.parsing import parse_jaxpr
from jaxlite.passes import pipeline
from jaxlite.passes.accumulate import accumulate
from jaxlite.passes.ahead import ahead
from jaxlite.passes.cse import cse
from jaxlite.passes.dce import dce
from jaxlite.passes.fold import fold
from jaxlite.passes.hoist import hoist
from jaxlite.passes.inline import inline
from jaxlite.passes.keys import program_key
from jaxlite.passes.pipeline import PIPELINE, optimize, stages
from jaxlite.passes.recompute import recompute
from jaxlite.passes.regroup import regroup
from jaxlite.passes.simplify import RULES, simplify
from jaxlite.passes.strengthen import strengthen
from jaxlite.passes.symmetry import symmetry
from tests.ir_programs import TRANSFORMED, make_primitive, program_of, random_program, remove_primitives

NUM_RANDOM_PROGRAMS = 300
PASSES = [run_pass for _, run_pass in PIPELINE]


@pytest.fixture(autouse=True)
def _checks():
    config.update("jax_enable_checks", True)
    yield
    config.update("jax_enable_checks", False)


def recorded(fun, *args):
    """Return the program of a function, and the arrays to run it on."""
    closed = make_jaxpr(fun)(*args)
    return lift_constvars(closed.jaxpr), [*closed.consts, *jaxlite.tree.leaves(args)]


def count(jaxpr: Jaxpr) -> int:
    """Count equations, those of programs inside of params too."""
    return sum(1 + sum(map(count, subjaxprs(eqn.params))) for eqn in jaxpr.eqns)


def names(jaxpr: Jaxpr) -> list[str]:
    return [
        name
        for eqn in jaxpr.eqns
        for name in (eqn.primitive.name, *sum(map(names, subjaxprs(eqn.params)), []))
    ]


def assert_same_bits(xs, ys):
    for x, y in zip(xs, ys, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        for u, v in ((x.real, y.real), (x.imag, y.imag)):
            np.testing.assert_array_equal(u, v)
            if u.dtype.kind == "f":
                number = ~np.isnan(u)
                np.testing.assert_array_equal(np.signbit(u[number]), np.signbit(v[number]))


def run(jaxpr: Jaxpr, args):
    # By NumPy throughout: machine code may differ in the last place.
    with np.errstate(all="ignore"), disable_jit():
        return run_jaxpr(jaxpr, *args)


SPECIAL = {
    "f": (0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 5e-324, 1.7e308, 0.3),
    "i": (0, 1, -1, 7, -8, 100, 127, -128, 3, 2),
    "u": (0, 1, 2, 7, 255, 200, 128, 127, 3, 5),
    "b": (True, False),
}
SPECIAL["c"] = tuple(complex(x, y) for x in SPECIAL["f"] for y in SPECIAL["f"])


def special_values(aval, rng):
    """Draw from zeros of both signs, infinities, nan, the smallest and the largest numbers."""
    with np.errstate(all="ignore"):
        return rng.choice(np.array(SPECIAL[aval.dtype.kind]), aval.shape).astype(aval.dtype)


# --- golden texts -----------------------------------------------------------------------------------

GOLDEN = {
    "strengthen": (
        strengthen,
        """{ lambda ; a:f64*[]. let
             b:f64*[] = mul a 2.0:f64*[]
             c:i32*[] = convert_element_type[new_dtype=int32 weak_type=True] b
           in (b, c) }""",
        """{ lambda ; a:f64[]. let
             b:f64[] = mul a 2.0:f64[]
             c:i32[] = convert_element_type[new_dtype=int32 weak_type=False] b
           in (b, c) }""",
    ),
    "inline": (
        inline,
        """{ lambda ; a:f64[]. let
             b:f64[] = jit[name=f jaxpr={ lambda ; c:f64[] d:f64[]. let
               e:f64[] = jit[name=g jaxpr={ lambda ; f:f64[]. let g:f64[] = sin f in (g,) }] d
               h:f64[] = mul c e
             in (h,) }] a 3.0:f64[]
             i:f64[] k:f64[] = jit[name=g jaxpr={ lambda ; j:f64[]. let  in (j, 4.0:f64[]) }] b
           in (i, k) }""",
        """{ lambda ; a:f64[]. let b:f64[] = sin 3.0:f64[]; c:f64[] = mul a b in (c, 4.0:f64[]) }""",
    ),
    "inline in a loop": (
        inline,
        """{ lambda ; a:f64[]. let
             b:f64[] = scan[jaxpr={ lambda ; c:f64[]. let
               d:f64[] = jit[name=g jaxpr={ lambda ; f:f64[]. let g:f64[] = sin f in (g,) }] c
             in (d,) } length=3 num_carry=1 num_consts=0 reverse=False unroll=1] a
           in (b,) }""",
        """{ lambda ; a:f64[]. let
             b:f64[] = scan[jaxpr={ lambda ; c:f64[]. let d:f64[] = sin c in (d,) }
               length=3 num_carry=1 num_consts=0 reverse=False unroll=1] a
           in (b,) }""",
    ),
    "inline a known branch": (
        inline,
        """{ lambda ; a:f64[]. let
             b:f64[] = cond[branches=(
               { lambda ; c:f64[]. let d:f64[] = sin c in (d,) }
               { lambda ; c:f64[]. let d:f64[] = cos c in (d,) }
             )] 7:i32[] a
           in (b,) }""",
        "{ lambda ; a:f64[]. let b:f64[] = cos a in (b,) }",
    ),
    "fold": (
        fold,
        """{ lambda ; a:f64[3]. let
             b:f64[] = sqrt 4.0:f64[]
             c:f64[] = div 1.0:f64[] b
             d:f64[3] = broadcast_in_dim[broadcast_dimensions=() shape=(3,)] c
             e:f64[3] = mul a c
             f:i64[3] = iota[dimension=0 dtype=int64 shape=(3,)]
           in (d, e, f, c) }""",
        """{ lambda ; a:f64[3]. let
             d:f64[3] = broadcast_in_dim[broadcast_dimensions=() shape=(3,)] 0.5:f64[]
             e:f64[3] = mul a 0.5:f64[]
             f:i64[3] = iota[dimension=0 dtype=int64 shape=(3,)]
           in (d, e, f, 0.5:f64[]) }""",
    ),
    "cse": (
        cse,
        """{ lambda ; a:f64[] b:f64[]. let
             c:f64[] = sin a
             d:f64[] = sin a
             e:f64[] = mul c b
             f:f64[] = mul b d
             g:f64[] = sub c b
             h:f64[] = sub b c
             i:f64[] = mul a 0.0:f64[]
             j:f64[] = mul a -0.0:f64[]
             k:f64[] = mul a 0.0:f64[]
           in (d, e, f, g, h, i, j, k) }""",
        """{ lambda ; a:f64[] b:f64[]. let
             c:f64[] = sin a
             e:f64[] = mul c b
             g:f64[] = sub c b
             h:f64[] = sub b c
             i:f64[] = mul a 0.0:f64[]
             j:f64[] = mul a -0.0:f64[]
           in (c, e, e, g, h, i, j, i) }""",
    ),
    "cse of loops": (
        cse,
        """{ lambda ; a:f64[]. let
             b:f64[] = scan[jaxpr={ lambda ; c:f64[]. let d:f64[] = sin c; e:f64[] = sin c; g:f64[] = mul d e in (g,) }
               length=3 num_carry=1 num_consts=0 reverse=False unroll=1] a
             f:f64[] = scan[jaxpr={ lambda ; c:f64[]. let d:f64[] = sin c; g:f64[] = mul d d in (g,) }
               length=3 num_carry=1 num_consts=0 reverse=False unroll=1] a
           in (b, f) }""",
        """{ lambda ; a:f64[]. let
             b:f64[] = scan[jaxpr={ lambda ; c:f64[]. let d:f64[] = sin c; g:f64[] = mul d d in (g,) }
               length=3 num_carry=1 num_consts=0 reverse=False unroll=1] a
           in (b, b) }""",
    ),
    "cse and barriers": (
        cse,
        """{ lambda ; a:f64[]. let
             b:f64[] = optimization_barrier a
             c:f64[] = optimization_barrier a
             d:f64[] = sin a
             e:f64[] = sin b
             f:f64[] = sin c
             g:f64[] = sin b
           in (d, e, f, g) }""",
        """{ lambda ; a:f64[]. let
             b:f64[] = optimization_barrier a
             c:f64[] = optimization_barrier a
             d:f64[] = sin a
             e:f64[] = sin b
             f:f64[] = sin c
           in (d, e, f, e) }""",
    ),
    "dce": (
        dce,
        "{ lambda ; a:f64[] b:f64[]. let c:f64[] = sin a; d:f64[] = sin c; e:f64[] = cos a in (e,) }",
        "{ lambda ; a:f64[] b:f64[]. let e:f64[] = cos a in (e,) }",
    ),
    "dce of a barrier": (
        dce,
        "{ lambda ; a:f64[] b:f64[]. let c:f64[] d:f64[] = optimization_barrier a b in (d,) }",
        "{ lambda ; a:f64[] b:f64[]. let d:f64[] = optimization_barrier b in (d,) }",
    ),
    "dce of a call": (
        dce,
        """{ lambda ; a:f64[] b:f64[]. let
             c:f64[] d:f64[] = jit[name=f jaxpr={ lambda ; a:f64[] b:f64[]. let
               c:f64[] = sin a; d:f64[] = sin b in (c, d) }] a b
           in (d,) }""",
        """{ lambda ; a:f64[] b:f64[]. let
             d:f64[] = jit[name=f jaxpr={ lambda ; b:f64[]. let d:f64[] = sin b in (d,) }] b
           in (d,) }""",
    ),
    "dce of a branch": (
        dce,
        """{ lambda ; i:i32[] a:f64[] b:f64[] c:f64[]. let
             d:f64[] e:f64[] = cond[branches=(
               { lambda ; a:f64[] b:f64[] c:f64[]. let d:f64[] = sin a; e:f64[] = cos b in (d, e) }
               { lambda ; a:f64[] b:f64[] c:f64[]. let d:f64[] = cos a in (d, c) }
             )] i a b c
           in (e,) }""",
        """{ lambda ; i:i32[] a:f64[] b:f64[] c:f64[]. let
             e:f64[] = cond[branches=(
               { lambda ; b:f64[] c:f64[]. let e:f64[] = cos b in (e,) }
               { lambda ; b:f64[] c:f64[]. let  in (c,) }
             )] i b c
           in (e,) }""",
    ),
    # The second carry feeds the third, which nobody reads; the first needs its constant and nothing else.
    "dce of a scan": (
        dce,
        """{ lambda ; k:f64[] m:f64[] a:f64[] b:f64[] c:f64[] x:f64[4] y:f64[4]. let
             d:f64[] e:f64[] f:f64[] g:f64[4] h:f64[4] = scan[jaxpr={ lambda ;
               k:f64[] m:f64[] a:f64[] b:f64[] c:f64[] x:f64[] y:f64[]. let
                 d:f64[] = mul a k
                 e:f64[] = mul b m
                 f:f64[] = add b c
                 g:f64[] = add d y
                 h:f64[] = add f x
               in (d, e, f, g, h) }
               length=4 num_carry=3 num_consts=2 reverse=False unroll=1] k m a b c x y
           in (g,) }""",
        """{ lambda ; k:f64[] m:f64[] a:f64[] b:f64[] c:f64[] x:f64[4] y:f64[4]. let
             d:f64[] g:f64[4] = scan[jaxpr={ lambda ; k:f64[] a:f64[] y:f64[]. let
                 d:f64[] = mul a k
                 g:f64[] = add d y
               in (d, g) }
               length=4 num_carry=1 num_consts=1 reverse=False unroll=1] k a y
           in (g,) }""",
    ),
    # The condition needs the first carry; of the others one is read, and one has a tape that nobody replays.
    "dce of a while": (
        dce,
        """{ lambda ; n:f64[] k:f64[] m:f64[] a:f64[] b:f64[] c:f64[]. let
             d:f64[] e:f64[] f:f64[] t:tape(f64[]) = while[
               cond_jaxpr={ lambda ; n:f64[] a:f64[] b:f64[] c:f64[]. let p:bool[] = lt a n in (p,) }
               cond_nconsts=1
               body_jaxpr={ lambda ; k:f64[] m:f64[] a:f64[] b:f64[] c:f64[]. let
                 d:f64[] = add a 1.0:f64[]; e:f64[] = mul b k; f:f64[] = mul c m in (d, e, f, c) }
               body_nconsts=2 tapes_out=(1,)] n k m a b c
           in (e,) }""",
        """{ lambda ; n:f64[] k:f64[] m:f64[] a:f64[] b:f64[] c:f64[]. let
             d:f64[] e:f64[] = while[
               cond_jaxpr={ lambda ; n:f64[] a:f64[] b:f64[]. let p:bool[] = lt a n in (p,) }
               cond_nconsts=1
               body_jaxpr={ lambda ; k:f64[] a:f64[] b:f64[]. let
                 d:f64[] = add a 1.0:f64[]; e:f64[] = mul b k in (d, e) }
               body_nconsts=1 tapes_out=()] n k a b
           in (e,) }""",
    ),
    "dce of a tape_scan": (
        dce,
        """{ lambda ; k:f64[] a:f64[] b:f64[] s:tape(f64[] f64[]) t:tape(f64[]). let
             c:f64[] d:f64[] u:tape(f64[]) = tape_scan[
               jaxpr={ lambda ; k:f64[] a:f64[] b:f64[] x:f64[] y:f64[] z:f64[]. let
                 c:f64[] = mul a z; d:f64[] = mul b k in (c, d, x) }
               num_carry=2 num_consts=1 reverse=True tapes_out=(1,)] k a b s t
           in (c,) }""",
        """{ lambda ; k:f64[] a:f64[] b:f64[] s:tape(f64[] f64[]) t:tape(f64[]). let
             c:f64[] = tape_scan[
               jaxpr={ lambda ; a:f64[] z:f64[]. let c:f64[] = mul a z in (c,) }
               num_carry=1 num_consts=0 reverse=True tapes_out=()] a t
           in (c,) }""",
    ),
    "hoist": (
        hoist,
        """{ lambda ; a:f64[] b:f64[3] c:f64[] d:f64[3,2]. let
             e:f64[] f:f64[3,2] = scan[
               jaxpr={ lambda ; p:f64[] q:f64[3] r:f64[] s:f64[2]. let
                 t:f64[] = exp p
                 u:f64[3] = mul q t
                 v:f64[3,2] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(3,2)] u
                 w:f64[2] = reduce_sum[axes=(0,)] v
                 x:f64[2] = mul s r
                 y:f64[2] = add x w
                 z:f64[] = mul r t
               in (z, y) }
               length=3 num_carry=1 num_consts=2 reverse=False unroll=1] a b c d
           in (e, f) }""",
        """{ lambda ; a:f64[] b:f64[3] c:f64[] d:f64[3,2]. let
             t:f64[] = exp a
             u:f64[3] = mul b t
             v:f64[3,2] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(3,2)] u
             w:f64[2] = reduce_sum[axes=(0,)] v
             e:f64[] f:f64[3,2] = scan[
               jaxpr={ lambda ; p:f64[] q:f64[3] t:f64[] u:f64[3] w:f64[2] r:f64[] s:f64[2]. let
                 v:f64[3,2] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(3,2)] u
                 x:f64[2] = mul s r
                 y:f64[2] = add x w
                 z:f64[] = mul r t
               in (z, y) }
               length=3 num_carry=1 num_consts=5 reverse=False unroll=1] a b t u w c d
           in (e, f) }""",
    ),
    "hoist out of a while loop, but no checked index": (
        hoist,
        """{ lambda ; a:f64[] i:i64[1] b:f64[4] c:f64[]. let
             d:f64[] = while[
               cond_jaxpr={ lambda ; a:f64[] x:f64[]. let l:f64[] = log a; y:bool[] = lt x l in (y,) }
               cond_nconsts=1
               body_jaxpr={ lambda ; i:i64[1] b:f64[4] x:f64[]. let
                 j:i64[1] = add i i
                 e:f64[] = gather[dimension_numbers=GatherDimensionNumbers(offset_dims=(),
                   collapsed_slice_dims=(0,), start_index_map=(0,), operand_batching_dims=(),
                   start_indices_batching_dims=()) fill_value=None indices_are_sorted=False mode=raise
                   slice_sizes=(1,) unique_indices=False] b j
                 y:f64[] = add x e
               in (y,) }
               body_nconsts=2 tapes_out=()] a i b c
           in (d,) }""",
        """{ lambda ; a:f64[] i:i64[1] b:f64[4] c:f64[]. let
             l:f64[] = log a
             j:i64[1] = add i i
             d:f64[] = while[
               cond_jaxpr={ lambda ; a:f64[] l:f64[] x:f64[]. let y:bool[] = lt x l in (y,) }
               cond_nconsts=2
               body_jaxpr={ lambda ; i:i64[1] b:f64[4] j:i64[1] x:f64[]. let
                 e:f64[] = gather[dimension_numbers=GatherDimensionNumbers(offset_dims=(),
                   collapsed_slice_dims=(0,), start_index_map=(0,), operand_batching_dims=(),
                   start_indices_batching_dims=()) fill_value=None indices_are_sorted=False mode=raise
                   slice_sizes=(1,) unique_indices=False] b j
                 y:f64[] = add x e
               in (y,) }
               body_nconsts=3 tapes_out=()] a l i b j c
           in (d,) }""",
    ),
    "recompute": (
        recompute,
        """{ lambda ; k:f64[] a:f64[] x:f64[5]. let
             b:f64[] h:f64[5] s:f64[5] r:f64[5] i:f64[5] = scan[
               jaxpr={ lambda ; k:f64[] c:f64[] x:f64[]. let
                 d:f64[] = add c x
                 h:f64[] = tanh d
                 s:f64[] = mul h h
                 r:f64[] = sub k s
               in (h, h, s, r, x) }
               length=5 num_carry=1 num_consts=1 reverse=False unroll=1] k a x
             e:f64[] = scan[
               jaxpr={ lambda ; c:f64[] h:f64[] s:f64[] r:f64[] i:f64[]. let
                 d:f64[] = mul c h; e:f64[] = mul d s; f:f64[] = mul e r; g:f64[] = mul f i in (g,) }
               length=5 num_carry=1 num_consts=0 reverse=True unroll=1] b h s r i
           in (e,) }""",
        """{ lambda ; k:f64[] a:f64[] x:f64[5]. let
             b:f64[] h:f64[5] = scan[
               jaxpr={ lambda ; k:f64[] c:f64[] x:f64[]. let
                 d:f64[] = add c x
                 h:f64[] = tanh d
                 s:f64[] = mul h h
                 r:f64[] = sub k s
               in (h, h) }
               length=5 num_carry=1 num_consts=1 reverse=False unroll=1] k a x
             e:f64[] = scan[
               jaxpr={ lambda ; k:f64[] c:f64[] h:f64[] i:f64[]. let
                 s:f64[] = mul h h
                 r:f64[] = sub k s
                 d:f64[] = mul c h; e:f64[] = mul d s; f:f64[] = mul e r; g:f64[] = mul f i in (g,) }
               length=5 num_carry=1 num_consts=1 reverse=True unroll=1] k b h x
           in (e,) }""",
    ),
    "recompute from a tape": (
        recompute,
        """{ lambda ; k:f64[] m:f64[] a:f64[]. let
             b:f64[] t:tape(f64[] f64[] f64[]) u:tape(f64[]) = while[
               cond_jaxpr={ lambda ; m:f64[] c:f64[]. let y:bool[] = lt c m in (y,) }
               cond_nconsts=1
               body_jaxpr={ lambda ; k:f64[] c:f64[]. let
                 h:f64[] = tanh c; s:f64[] = mul h k; d:f64[] = add c s in (d, h, s, k, d) }
               body_nconsts=1 tapes_out=(3, 1)] m k a
             e:f64[] f:f64[] = tape_scan[
               jaxpr={ lambda ; c:f64[] d:f64[] o:f64[] h:f64[] s:f64[] k:f64[]. let
                 p:f64[] = mul c h; q:f64[] = mul p s; r:f64[] = mul q k; v:f64[] = mul d o in (r, v) }
               num_carry=2 num_consts=0 reverse=True tapes_out=()] b a u t
           in (e, f) }""",
        """{ lambda ; k:f64[] m:f64[] a:f64[]. let
             b:f64[] t:tape(f64[]) u:tape(f64[]) = while[
               cond_jaxpr={ lambda ; m:f64[] c:f64[]. let y:bool[] = lt c m in (y,) }
               cond_nconsts=1
               body_jaxpr={ lambda ; k:f64[] c:f64[]. let
                 h:f64[] = tanh c; s:f64[] = mul h k; d:f64[] = add c s in (d, h, d) }
               body_nconsts=1 tapes_out=(1, 1)] m k a
             e:f64[] f:f64[] = tape_scan[
               jaxpr={ lambda ; k:f64[] c:f64[] d:f64[] o:f64[] h:f64[]. let
                 s:f64[] = mul h k
                 p:f64[] = mul c h; q:f64[] = mul p s; r:f64[] = mul q k; v:f64[] = mul d o in (r, v) }
               num_carry=2 num_consts=1 reverse=True tapes_out=()] k b a u t
           in (e, f) }""",
    ),
    "ahead": (
        ahead,
        """{ lambda ; u:f64[20,8] k:f64[2,2] c:f64[20] x:f64[7,8] z:f64[7,5,8]. let
             d:f64[20] y:f64[7,20] e:f64[7,20,5] f:f64[7] = scan[
               jaxpr={ lambda ; u:f64[20,8] k:f64[2,2] c:f64[20] x:f64[8] z:f64[5,8]. let
                 p:f64[20] = dot_general[dimension_numbers=(([1], [0]), ([], []))
                   preferred_element_type=None] u x
                 q:f64[20,5] = dot_general[dimension_numbers=(([1], [1]), ([], []))
                   preferred_element_type=None] u z
                 r:f64[20] = dot_general[dimension_numbers=(([1], [0]), ([], []))
                   preferred_element_type=None] u x
                 s:f64[] = dot_general[dimension_numbers=(([0, 1], [0, 1]), ([], []))
                   preferred_element_type=None] k k
                 d:f64[20] = add c p
               in (d, r, q, s) }
               length=7 num_carry=1 num_consts=2 reverse=False unroll=1] u k c x z
           in (d, y, e, f) }""",
        """{ lambda ; u:f64[20,8] k:f64[2,2] c:f64[20] x:f64[7,8] z:f64[7,5,8]. let
             p:f64[7,20] = dot_general[dimension_numbers=(([1], [1]), ([], []))
               preferred_element_type=None] x u
             g:f64[7,5,20] = dot_general[dimension_numbers=(([2], [1]), ([], []))
               preferred_element_type=None] z u
             q:f64[7,20,5] = transpose[permutation=(0, 2, 1)] g
             r:f64[7,20] = dot_general[dimension_numbers=(([1], [1]), ([], []))
               preferred_element_type=None] x u
             d:f64[20] y:f64[7,20] e:f64[7,20,5] f:f64[7] = scan[
               jaxpr={ lambda ; u:f64[20,8] k:f64[2,2] c:f64[20] x:f64[8] z:f64[5,8] p:f64[20]
                   q:f64[20,5] r:f64[20]. let
                 s:f64[] = dot_general[dimension_numbers=(([0, 1], [0, 1]), ([], []))
                   preferred_element_type=None] k k
                 d:f64[20] = add c p
               in (d, r, q, s) }
               length=7 num_carry=1 num_consts=2 reverse=False unroll=1] u k c x z p q r
           in (d, y, e, f) }""",
    ),
    "accumulate": (
        accumulate,
        """{ lambda ; w:f64[32,16] c:f64[16] x:f64[7,32]. let
             v:f64[32,16] d:f64[16] = scan[
               jaxpr={ lambda ; w:f64[32,16] c:f64[16] x:f64[32]. let
                 d:f64[16] = sin c
                 p:f64[32,16] = dot_general[dimension_numbers=(([], []), ([], []))
                   preferred_element_type=None] x d
                 q:f64[32,16] = dot_general[dimension_numbers=(([], []), ([], []))
                   preferred_element_type=None] x c
                 u:f64[32,16] = add w p
                 v:f64[32,16] = add q u
               in (v, d) }
               length=7 num_carry=2 num_consts=0 reverse=True unroll=1] w c x
           in (v, d) }""",
        """{ lambda ; w:f64[32,16] c:f64[16] x:f64[7,32]. let
             d:f64[16] s:f64[7,16] t:f64[7,16] = scan[
               jaxpr={ lambda ; c:f64[16] x:f64[32]. let d:f64[16] = sin c in (d, c, d) }
               length=7 num_carry=1 num_consts=0 reverse=True unroll=1] c x
             q:f64[32,16] = dot_general[dimension_numbers=(([0], [0]), ([], []))
               preferred_element_type=None] x s
             u:f64[32,16] = add w q
             p:f64[32,16] = dot_general[dimension_numbers=(([0], [0]), ([], []))
               preferred_element_type=None] x t
             v:f64[32,16] = add u p
           in (v, d) }""",
    ),
    "regroup": (
        regroup,
        """{ lambda ; a:f64[] b:f64[] u:f64[9]. let
             c:f64[] d:f64[] = scan[
               jaxpr={ lambda ; r:f64[] s:f64[] c:f64[] x:f64[]. let
                 n:f64[] = mul r x
                 o:f64[] = sub 1.0:f64[] x
                 z:f64[] = mul 0.8:f64[] c
                 p:f64[] = mul z o
                 q:f64[] = mul r p
                 t:f64[] = mul n c
                 v:f64[] = sub q t
                 w:f64[] = add v x
                 y:f64[] = add s p
               in (y, w) }
               length=9 num_carry=2 num_consts=1 reverse=True unroll=1] a a b u
           in (c, d) }""",
        """{ lambda ; a:f64[] b:f64[] u:f64[9]. let
             c:f64[] d:f64[] = scan[
               jaxpr={ lambda ; r:f64[] s:f64[] c:f64[] x:f64[]. let
                 n:f64[] = mul r x
                 o:f64[] = sub 1.0:f64[] x
                 z:f64[] = mul 0.8:f64[] c
                 p:f64[] = mul z o
                 q:f64[] = mul r p
                 t:f64[] = mul n c
                 v:f64[] = sub q t
                 k:f64[] = mul o 0.8:f64[]
                 e:f64[] = mul r k
                 f:f64[] = sub e n
                 g:f64[] = mul c f
                 w:f64[] = add g x
                 y:f64[] = add s p
               in (y, w) }
               length=9 num_carry=2 num_consts=1 reverse=True unroll=1] a a b u
           in (c, d) }""",
    ),
    "symmetry": (
        symmetry,
        """{ lambda ; a:f64[9]. let
             b:f64[9,9] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(9, 9)] a
             c:f64[9,9] = broadcast_in_dim[broadcast_dimensions=(1,) shape=(9, 9)] a
             h:f64[9,9] = sub b c
             d:f64[9] = reduce_sum[axes=(0,)] h
             i:f64[9,9] = tanh h
             s:f64[9,9] = square h
             j:f64[9,9] = div i s
             e:f64[9] = reduce_sum[axes=(1,)] h
             k:f64[9,9] = neg j
             f:f64[9] = reduce_sum[axes=(1,)] j
             g:f64[9] = reduce_sum[axes=(0,)] k
           in (d, e, f, g) }""",
        """{ lambda ; a:f64[9]. let
             b:f64[9,9] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(9, 9)] a
             c:f64[9,9] = broadcast_in_dim[broadcast_dimensions=(1,) shape=(9, 9)] a
             h:f64[9,9] = sub b c
             m:f64[9] = reduce_sum[axes=(1,)] h
             d:f64[9] = sub 0.0:f64[] m
             i:f64[9,9] = tanh h
             s:f64[9,9] = square h
             j:f64[9,9] = div i s
             k:f64[9,9] = neg j
             f:f64[9] = reduce_sum[axes=(1,)] j
           in (d, m, f, f) }""",
    ),
    "symmetry: of what is not symmetric, and where the sign of a zero counts, both sums stay": (
        symmetry,
        asymmetric := """{ lambda ; a:f64[9] b:f64[9,9]. let
             c:f64[9,9] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(9, 9)] a
             d:f64[9,9] = broadcast_in_dim[broadcast_dimensions=(1,) shape=(9, 9)] a
             h:f64[9,9] = sub c d
             e:f64[9,9] = exp h
             f:f64[9,9] = div 1.0:f64[] h
             g:f64[9,9] = integer_pow[y=-1] h
             i:f64[9,9] = add c 1.0:f64[]
             k:f64[9] = reduce_sum[axes=(0,)] e
             l:f64[9] = reduce_sum[axes=(1,)] e
             m:f64[9] = reduce_sum[axes=(0,)] f
             n:f64[9] = reduce_sum[axes=(1,)] f
             o:f64[9] = reduce_sum[axes=(0,)] g
             p:f64[9] = reduce_sum[axes=(1,)] g
             q:f64[9] = reduce_sum[axes=(0,)] b
             r:f64[9] = reduce_sum[axes=(1,)] b
             s:f64[9] = reduce_sum[axes=(0,)] i
             t:f64[9] = reduce_sum[axes=(1,)] i
           in (k, l, m, n, o, p, q, r, s, t) }""",
        asymmetric,
    ),
    "regroup: a term once, a sum that is used elsewhere, arrays, and integers stay": (
        regroup,
        same := """{ lambda ; a:f64[] b:f64[3] k:i64[]. let
             c:f64[] d:f64[] e:f64[3] f:i64[] = while[
               cond_jaxpr={ lambda ; x:f64[] y:f64[] z:f64[3] k:i64[]. let l:bool[] = lt k 9:i64[] in (l,) }
               cond_nconsts=0
               body_jaxpr={ lambda ; x:f64[] y:f64[] z:f64[3] k:i64[]. let
                 s:f64[] = sin x
                 m:f64[] = mul x 2.0:f64[]
                 n:f64[] = add m s
                 g:f64[] = mul y 2.0:f64[]
                 h:f64[] = add y g
                 i:f64[] = mul n y
                 p:f64[] = add h i
                 q:f64[3] = add z z
                 j:i64[] = mul k 2:i64[]
                 r:i64[] = add k j
                 t:f64[] = mul p h
               in (n, t, q, r) }
               body_nconsts=0 tapes_out=()] a a b k
           in (c, d, e, f) }""",
        same,
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name):
    run_pass, before, after = GOLDEN[name]
    program = parse_jaxpr(before)
    check_jaxpr(program)
    result = run_pass(program)
    check_jaxpr(result)
    assert_jaxpr_equal(result, parse_jaxpr(after))
    assert run_pass(result) is result


# Text of a rule -> (inputs, equations, results before) and (equations, results after), dead code dropped.
EXAMPLES = {
    "f(broadcast of a scalar, y) = f(scalar, y)": [
        (
            "a:f64[10]", "b:f64[10] = broadcast_in_dim[broadcast_dimensions=() shape=(10,)] 2.0:f64[]; "
            "c:f64[10] = mul b a", "c:f64[10] = mul 2.0:f64[] a",
        ),
        (
            "a:f64[]", "b:f64[4] = broadcast_in_dim[broadcast_dimensions=() shape=(4,)] a; c:f64[4] = sqrt b",
            "b:f64[] = sqrt a; c:f64[4] = broadcast_in_dim[broadcast_dimensions=() shape=(4,)] b",
        ),
    ],
    "adding cotangents is adding": [("a:f64[10] b:f64[10]", "c:f64[10] = add_any a b", "c:f64[10] = add a b")],
    "x + 0 = x; floats: x + -0.0 = x": [
        ("a:f64[10]", "c:f64[10] = add a -0.0:f64[]", "c=a"),
        ("a:i64[10]", "c:i64[10] = add 0:i64[] a", "c=a"),
    ],
    "x + -y = x - y": [
        ("a:f64[10] b:f64[10]", "d:f64[10] = neg b; c:f64[10] = add a d", "c:f64[10] = sub a b"),
        ("a:f64[10] b:f64[10]", "d:f64[10] = neg b; c:f64[10] = add d a", "c:f64[10] = sub a b"),
    ],
    "x - 0 = x": [("a:f64[10]", "c:f64[10] = sub a 0.0:f64[]", "c=a")],
    "0 - x = -x; floats: -0.0 - x = -x": [
        ("a:f64[10]", "c:f64[10] = sub -0.0:f64[] a", "c:f64[10] = neg a"),
        ("a:i64[10]", "c:i64[10] = sub 0:i64[] a", "c:i64[10] = neg a"),
    ],
    "x - -y = x + y": [
        ("a:f64[10] b:f64[10]", "d:f64[10] = neg b; c:f64[10] = sub a d", "c:f64[10] = add a b")
    ],
    "--x = x": [("a:f64[10]", "b:f64[10] = neg a; c:f64[10] = neg b", "c=a")],
    "integers: -(x - y) = y - x": [
        ("a:i64[10] b:i64[10]", "d:i64[10] = sub a b; c:i64[10] = neg d", "c:i64[10] = sub b a")
    ],
    "x·1 = x": [("a:f64[10]", "c:f64[10] = mul 1.0:f64[] a", "c=a")],
    "x·-1 = -x": [("a:f64[10]", "c:f64[10] = mul a -1.0:f64[]", "c:f64[10] = neg a")],
    "integers and bools: x·0 = 0": [
        (
            "a:i64[10]", "c:i64[10] = mul a 0:i64[]",
            "c:i64[10] = broadcast_in_dim[broadcast_dimensions=() shape=(10,)] 0:i64[]",
        )
    ],
    "-x·-y = x·y; -x·2 = x·-2": [
        ("a:f64[10] b:f64[10]", "d:f64[10] = neg a; e:f64[10] = neg b; c:f64[10] = mul d e", "c:f64[10] = mul a b"),
        ("a:f64[10]", "d:f64[10] = neg a; c:f64[10] = mul 3.0:f64[] d", "c:f64[10] = mul a -3.0:f64[]"),
    ],
    "x/1 = x": [("a:f64[10]", "c:f64[10] = div a 1.0:f64[]", "c=a"), ("a:i8[10]", "c:i8[10] = div a 1:i8[]", "c=a")],
    "floats: x/4 = x·0.25, for powers of 2": [
        ("a:f64[10]", "c:f64[10] = div a 4.0:f64[]", "c:f64[10] = mul a 0.25:f64[]"),
        ("a:f32[10]", "c:f32[10] = div a -0.5:f32[]", "c:f32[10] = mul a -2.0:f32[]"),
    ],
    "x¹ = x, and x² is called square": [
        ("a:f64[10]", "c:f64[10] = integer_pow[y=1] a", "c=a"),
        ("a:c128[10]", "c:c128[10] = integer_pow[y=2] a", "c:c128[10] = square a"),
    ],
    "|-x| = |x|; (-x)² = x²": [
        ("a:f64[10]", "b:f64[10] = neg a; c:f64[10] = abs b", "c:f64[10] = abs a"),
        ("a:i8[10]", "b:i8[10] = neg a; c:i8[10] = square b", "c:i8[10] = square a"),
    ],
    "f(x, x) = x": [("a:f64[10]", "c:f64[10] = max a a", "c=a"), ("a:bool[10]", "c:bool[10] = or a a", "c=a")],
    "x & -1 = x, x & 0 = 0, x | 0 = x, x | -1 = -1; bools: -1 is True": [
        ("a:bool[10]", "c:bool[10] = and a True:bool[]", "c=a"),
        ("a:i64[10]", "c:i64[10] = and a -1:i64[]", "c=a"),
        ("a:i64[10]", "c:i64[10] = or 0:i64[] a", "c=a"),
        (
            "a:bool[10]", "c:bool[10] = or a True:bool[]",
            "c:bool[10] = broadcast_in_dim[broadcast_dimensions=() shape=(10,)] True:bool[]",
        ),
        (
            "a:u8[10]", "c:u8[10] = and 0:u8[] a",
            "c:u8[10] = broadcast_in_dim[broadcast_dimensions=() shape=(10,)] 0:u8[]",
        ),
    ],
    "x ^ 0 = x": [
        ("a:u8[10]", "c:u8[10] = xor a 0:u8[]", "c=a"),
        ("a:bool[9]", "c:bool[9] = xor a False:bool[]", "c=a"),
    ],
    "~~x = x": [("a:i64[10]", "b:i64[10] = not a; c:i64[10] = not b", "c=a")],
    "every case the same: that case": [
        ("a:bool[10] b:f64[10]", "c:f64[10] = select_n a b b", "c=b"),
        (
            "a:bool[10]", "c:f64[10] = select_n a -0.0:f64[] -0.0:f64[]",
            "c:f64[10] = broadcast_in_dim[broadcast_dimensions=() shape=(10,)] -0.0:f64[]",
        ),
    ],
    "a literal selects: that case": [
        ("a:f64[10] b:f64[10]", "c:f64[10] = select_n True:bool[] a b", "c=b"),
        ("a:f64[10] b:f64[10]", "c:f64[10] = select_n 7:i64[] a a b", "c=b"),
    ],
    "select(not p, x, y) = select(p, y, x)": [
        (
            "p:bool[10] a:f64[10] b:f64[10]", "q:bool[10] = not p; c:f64[10] = select_n q a b",
            "c:f64[10] = select_n p b a",
        )
    ],
    "to the dtype that it has: nothing": [
        ("a:f64[10]", "c:f64[10] = convert_element_type[new_dtype=float64 weak_type=False] a", "c=a")
    ],
    "through a dtype that loses nothing: directly": [
        (
            "a:f32[10]", "b:f64[10] = convert_element_type[new_dtype=float64 weak_type=False] a; "
            "c:f32[10] = convert_element_type[new_dtype=float32 weak_type=False] b", "c=a",
        ),
        (
            "a:i32[10]", "b:f64[10] = convert_element_type[new_dtype=float64 weak_type=False] a; "
            "c:i64[10] = convert_element_type[new_dtype=int64 weak_type=False] b",
            "c:i64[10] = convert_element_type[new_dtype=int64 weak_type=False] a",
        ),
        (
            "a:i64[10]", "b:i32[10] = convert_element_type[new_dtype=int32 weak_type=False] a; "
            "d:i64[10] = convert_element_type[new_dtype=int64 weak_type=False] b; "
            "c:i8[10] = convert_element_type[new_dtype=int8 weak_type=False] d",
            "b:i32[10] = convert_element_type[new_dtype=int32 weak_type=False] a; "
            "c:i8[10] = convert_element_type[new_dtype=int8 weak_type=False] b",
        ),
    ],
    "real(complex(x, y)) = x, imag(complex(x, y)) = y": [
        ("a:f64[10] b:f64[10]", "z:c128[10] = complex a b; c:f64[10] = imag z", "c=b"),
        (
            "a:f64[10]", "z:c128[10] = complex a 2.0:f64[]; c:f64[10] = imag z",
            "c:f64[10] = broadcast_in_dim[broadcast_dimensions=() shape=(10,)] 2.0:f64[]",
        ),
    ],
    "complex(real z, imag z) = z": [
        ("z:c128[10]", "a:f64[10] = real z; b:f64[10] = imag z; c:c128[10] = complex a b", "c=z")
    ],
    "conj(conj z) = z": [("z:c128[10]", "a:c128[10] = conj z; c:c128[10] = conj a", "c=z")],
    "of equal elements: one of them": [
        (
            "a:f64[]", "b:f64[3,2] = broadcast_in_dim[broadcast_dimensions=() shape=(3,2)] a; "
            "c:f64[3] = reduce_max[axes=(1,)] b",
            "c:f64[3] = broadcast_in_dim[broadcast_dimensions=() shape=(3,)] a",
        )
    ],
    "of one element: that element (+ 0.0 in a sum of floats)": [
        ("a:f64[10,1]", "c:f64[10] = reduce_max[axes=(1,)] a", "c:f64[10] = squeeze[dimensions=(1,)] a"),
        ("a:i64[10]", "c:i64[10] = reduce_sum[axes=()] a", "c=a"),
        (
            "a:f64[10,1]", "c:f64[10] = reduce_sum[axes=(1,)] a",
            "b:f64[10,1] = add a 0.0:f64[]; c:f64[10] = squeeze[dimensions=(1,)] b",
        ),
    ],
    "nothing is left to mark": [
        ("a:f64[10]", "b:f64[10] = copy a; d:f64[10] = stop_gradient b; c:f64[10] = name[name=x] d", "c=a")
    ],
    "of equal elements: a broadcast": [
        (
            "a:f64[]", "b:f64[3,4] = broadcast_in_dim[broadcast_dimensions=() shape=(3,4)] a; "
            "c:f64[4,3] = transpose[permutation=(1,0)] b",
            "c:f64[4,3] = broadcast_in_dim[broadcast_dimensions=() shape=(4,3)] a",
        ),
        (
            "a:f64[]", "c:f64[1,1] = reshape[new_sizes=(1,1)] a",
            "c:f64[1,1] = broadcast_in_dim[broadcast_dimensions=() shape=(1,1)] a",
        ),
    ],
    "of another of these: one reshape": [
        ("a:f64[2,3]", "b:f64[6] = reshape[new_sizes=(6,)] a; c:f64[3,2] = reshape[new_sizes=(3,2)] b",
         "c:f64[3,2] = reshape[new_sizes=(3,2)] a"),
        ("a:f64[3]", "b:f64[3,1] = expand_dims[dimensions=(1,)] a; c:f64[3] = squeeze[dimensions=(1,)] b", "c=a"),
    ],
    "of a broadcast or expand_dims: one broadcast": [
        (
            "a:f64[3]", "b:f64[3,1] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(3,1)] a; "
            "c:f64[2,3,4] = broadcast_in_dim[broadcast_dimensions=(1,2) shape=(2,3,4)] b",
            "c:f64[2,3,4] = broadcast_in_dim[broadcast_dimensions=(1,) shape=(2,3,4)] a",
        ),
        (
            "a:f64[3]", "b:f64[1,3] = expand_dims[dimensions=(0,)] a; "
            "c:f64[2,3] = broadcast_in_dim[broadcast_dimensions=(0,1) shape=(2,3)] b",
            "c:f64[2,3] = broadcast_in_dim[broadcast_dimensions=(1,) shape=(2,3)] a",
        ),
    ],
    "in the order that it has: nothing": [("a:f64[2,3]", "c:f64[2,3] = transpose[permutation=(0,1)] a", "c=a")],
    "of a transpose: one transpose": [
        (
            "a:f64[2,3,4]", "b:f64[3,4,2] = transpose[permutation=(1,2,0)] a; "
            "c:f64[4,2,3] = transpose[permutation=(1,2,0)] b",
            "c:f64[4,2,3] = transpose[permutation=(2,0,1)] a",
        ),
        (
            "a:f64[2,3]", "b:f64[3,2] = transpose[permutation=(1,0)] a; "
            "c:f64[2,3] = transpose[permutation=(1,0)] b", "c=a",
        ),
    ],
    "of a rev: only what one of them reverses": [
        ("a:f64[2,3]", "b:f64[2,3] = rev[dimensions=(0,1)] a; c:f64[2,3] = rev[dimensions=(1,)] b",
         "c:f64[2,3] = rev[dimensions=(0,)] a"),
        ("a:f64[2,3]", "b:f64[2,3] = rev[dimensions=(0,1)] a; c:f64[2,3] = rev[dimensions=(1,0)] b", "c=a"),
    ],
    "of everything: nothing": [
        ("a:f64[5]", "c:f64[5] = slice[limit_indices=(5,) start_indices=(0,) strides=None] a", "c=a")
    ],
    "of a slice: one slice": [
        (
            "a:f64[10]", "b:f64[4] = slice[limit_indices=(9,) start_indices=(2,) strides=(2,)] a; "
            "c:f64[2] = slice[limit_indices=(4,) start_indices=(1,) strides=(2,)] b",
            "c:f64[2] = slice[limit_indices=(9,) start_indices=(4,) strides=(4,)] a",
        )
    ],
    "by nothing: nothing": [("a:f64[5]", "c:f64[5] = pad[padding_config=((0,0,0),)] a 1.0:f64[]", "c=a")],
    "cotangents of neighbouring parts: their concatenation, but for -0.0 + 0.0": [
        (
            "a:f64[2] b:f64[3]",
            "d:f64[6] = pad[padding_config=((3,1,0),)] a 0.0:f64[]; "
            "e:f64[6] = pad[padding_config=((0,3,0),)] b 0.0:f64[]; c:f64[6] = add_any d e",
            "d:f64[5] = concatenate[dimension=0] b a; c:f64[6] = pad[padding_config=((0,1,0),)] d 0.0:f64[]",
        ),
        (
            "a:f64[2,1] b:f64[2,2]",
            "d:f64[2,3] = pad[padding_config=((0,0,0),(0,2,0))] a 0.0:f64[]; "
            "e:f64[2,3] = pad[padding_config=((0,0,0),(1,0,0))] b 0.0:f64[]; c:f64[2,3] = add_any d e",
            "c:f64[2,3] = concatenate[dimension=1] a b",
        ),
    ],
    "cotangent of a part: its margin is -0.0, and x + -0.0 = x": [
        (
            "a:f64[2] b:f64[5]",
            "d:f64[5] = pad[padding_config=((2,1,0),)] a 0.0:f64[]; c:f64[5] = add_any d b",
            "d:f64[5] = pad[padding_config=((2,1,0),)] a -0.0:f64[]; c:f64[5] = add d b",
        ),
    ],
    "parts of parts are parts; empty ones add nothing; one alone is the result": [
        (
            "a:f64[2] b:f64[2]",
            "d:f64[4] = concatenate[dimension=0] a b; c:f64[6] = concatenate[dimension=0] d a",
            "c:f64[6] = concatenate[dimension=0] a b a",
        ),
        ("a:f64[0] b:f64[2]", "c:f64[2] = concatenate[dimension=0] a b", "c=b"),
        (
            "a:f64[2] z:f64[0] b:f64[2]", "c:f64[4] = concatenate[dimension=0] a z b",
            "c:f64[4] = concatenate[dimension=0] a b",
        ),
    ],
}  # fmt: skip
EXAMPLES["to the shape that it has: nothing"] = [
    ("a:f64[5]", "c:f64[5] = reshape[new_sizes=(5,)] a", "c=a"),
    ("a:f64[5]", "c:f64[5] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(5,)] a", "c=a"),
]


def program(inputs: str, eqns: str) -> Jaxpr:
    """Return the program with result ``c``, which ``c=a`` as the equations makes the input ``a``."""
    result, eqns = (eqns[2:], "") if eqns.startswith("c=") else ("c", eqns)
    return parse_jaxpr(f"{{ lambda ; {inputs}. let {eqns} in ({result},) }}")


@pytest.mark.parametrize(
    ("inputs", "before", "after"),
    [pytest.param(*row, id=f"{text} [{i}]") for text, rows in EXAMPLES.items() for i, row in enumerate(rows)],
)
def test_simplify(inputs, before, after, rng):
    old, expected = program(inputs, before), program(inputs, after)
    check_jaxpr(old)
    new = dce(simplify(old))
    check_jaxpr(new)
    assert_jaxpr_equal(new, expected)
    assert dce(simplify(new)) is new
    for _ in range(10):
        args = [special_values(aval, rng) for aval in old.in_avals]
        if "add_any d" in before:
            np.testing.assert_array_equal(run(old, args), run(new, args))
        else:
            assert_same_bits(run(old, args), run(new, args))


@pytest.mark.parametrize(
    ("first", "second", "fill"),
    [
        # They overlap, leave a gap, are filled with something else.
        ("((0,1,0),)", "((1,0,0),)", 0.0),
        ("((0,3,0),)", "((3,0,0),)", 0.0),
        ("((0,2,0),)", "((2,0,0),)", 1.0),
    ],
)
def test_parts_that_are_no_neighbours_are_added(first, second, fill):
    size = 2 + int(first[4])
    text = (
        f"{{ lambda ; a:f64[2] b:f64[2]. let d:f64[{size}] = pad[padding_config={first}] a {fill}:f64[]; "
        f"e:f64[{size}] = pad[padding_config={second}] b {fill}:f64[]; c:f64[{size}] = add_any d e in (c,) }}"
    )
    assert "concatenate" not in names(simplify(parse_jaxpr(text)))


def test_every_rule_has_an_example():
    assert {rule.text for rule in RULES} == EXAMPLES.keys()


@pytest.mark.parametrize(
    ("inputs", "eqns"),
    [
        ("a:f64[10]", "c:f64[10] = add a 0.0:f64[]"),
        ("a:f64[10]", "c:f64[10] = sub a -0.0:f64[]"),
        ("a:f64[10]", "c:f64[10] = sub 0.0:f64[] a"),
        ("a:f64[10]", "c:f64[10] = mul a 0.0:f64[]"),
        ("a:f64[10] b:f64[10]", "d:f64[10] = sub a b; c:f64[10] = neg d"),
        ("a:f64[10]", "c:f64[10] = div a 3.0:f64[]"),
        ("a:f64[10]", "c:f64[10] = div a 0.0:f64[]"),
        ("a:f64[10]", "c:f64[10] = div a 5e-324:f64[]"),
        ("a:f64[10]", "c:f64[10] = div a 8.98846567431158e+307:f64[]"),
        ("a:i64[10]", "c:i64[10] = div a 2:i64[]"),
        ("a:c128[10]", "c:c128[10] = mul a (1+0j):c128[]"),
        ("a:bool[10]", "c:f64[10] = select_n a 0.0:f64[] -0.0:f64[]"),
        (
            "a:i64[10]",
            "b:f64[10] = convert_element_type[new_dtype=float64 weak_type=False] a; "
            "c:i64[10] = convert_element_type[new_dtype=int64 weak_type=False] b",
        ),
        (
            "a:i32[10]",
            "b:f64[10] = convert_element_type[new_dtype=float64 weak_type=False] a; "
            "c:i8[10] = convert_element_type[new_dtype=int8 weak_type=False] b",
        ),
        (
            "a:f64[10]",
            "b:f64[4] = slice[limit_indices=(9,) start_indices=(2,) strides=(2,)] a; "
            "c:f64[0] = slice[limit_indices=(4,) start_indices=(4,) strides=None] b",
        ),
        ("a:f64*[]", "c:f64[] = stop_gradient a"),
    ],
)
def test_what_is_not_exact_stays(inputs, eqns):
    old = program(inputs, eqns)
    check_jaxpr(old)
    assert simplify(old) is old


# --- the pipeline -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TRANSFORMED)
def test_transformed_programs_keep_their_results(name):
    fun, x = TRANSFORMED[name]
    old, args = recorded(fun, x)
    new = optimize(old)
    assert_same_bits(run(old, args), run(new, args))
    assert count(new) <= count(old)
    assert optimize(new) is new


def random_case(seed):
    rng = np.random.default_rng(seed)
    jaxpr = lift_constvars(random_program(rng))
    return jaxpr, [special_values(aval, rng) for aval in jaxpr.in_avals]


def test_random_programs_keep_their_results():
    for seed in range(NUM_RANDOM_PROGRAMS):
        old, args = random_case(seed)
        new = optimize(old)
        assert_same_bits(run(old, args), run(new, args))
        assert optimize(new) is new, seed
        assert count(new) <= count(old), seed


@pytest.mark.parametrize("run_pass", PASSES, ids=lambda run_pass: run_pass.__name__)
def test_each_pass_is_idempotent_and_keeps_results(run_pass):
    for seed in range(50):
        old, args = random_case(seed)
        if run_pass is not strengthen:
            old = strengthen(old)
        new = run_pass(old)
        check_jaxpr(new)
        assert_same_bits(run(old, args), run(new, args))
        assert run_pass(new) is new or run_pass is simplify, seed


PAIR_OPERATIONS = {
    1: [
        *(jnp.negative, jnp.square, jnp.sin, jnp.cos, jnp.tanh, jnp.exp, jnp.abs, jnp.sign, jnp.transpose),
        *(
            lambda x: x**3,
            lambda x: x**-2,
            lambda x: 2.0 - x,
            lambda x: x * -0.5,
            lambda x: jnp.maximum(x, 0.1),
        ),
    ],
    2: [
        *(jnp.add, jnp.subtract, jnp.multiply, jnp.divide, jnp.minimum, jnp.hypot, jnp.greater),
        lambda x, y: jnp.where(jnp.eye(5, dtype=bool), x, y),
        lambda x, y: jnp.where(jnp.eye(5) > 0, 0.0, x * y),
    ],
}


def _pairs(seed: int):
    """Make sums along both axes of some of many values over pairs."""

    def sums(x, y, z):
        rng = np.random.default_rng(seed)
        values = [x[:, None] - x[None], y[None] + y[:, None], x[:, None] * y, z, z + z.T]
        for _ in range(12):
            arity = rng.integers(1, 3)
            operation = PAIR_OPERATIONS[arity][rng.integers(len(PAIR_OPERATIONS[arity]))]
            values.append(operation(*(values[k] for k in rng.integers(len(values), size=arity))) * 1.0)
        chosen = [values[k] for k in rng.integers(len(values), size=4)]
        return [jnp.sum(v, axis=k) for v in chosen for k in (0, 1)]

    return sums


def test_sums_over_random_pairs_are_what_they_were():
    found = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        args = rng.standard_normal(5), rng.standard_normal(5), rng.standard_normal((5, 5))
        old, args = recorded(_pairs(seed), *args)
        old = cse(strengthen(inline(old)))
        new = dce(symmetry(old))
        found += count(new) < count(dce(old))
        for x, y in zip(run(old, args), run(new, args), strict=True):
            np.testing.assert_allclose(
                y, x, rtol=1e-12, atol=1e-12 * np.max(np.abs(x[np.isfinite(x)]), initial=1)
            )
    assert found > 50


def test_forces_between_pairs_are_summed_once(rng):
    def energy(x):
        square = jnp.sum((x[:, None] - x[None]) ** 2, -1) + jnp.eye(9)
        return jnp.sum(jnp.where(jnp.eye(9, dtype=bool), 0.0, 1 / square**3 + jnp.exp(-jnp.sqrt(square))))

    def between(a, b):
        return jnp.sum(jnp.tanh(a[:, None] * b[None]))

    program = optimize(recorded(jaxlite.grad(energy), rng.standard_normal((9, 3)))[0])
    assert names(program).count("reduce_sum") == 2
    a = rng.standard_normal(9)
    program = optimize(recorded(jaxlite.grad(between, argnums=(0, 1)), a, a)[0])
    assert names(program).count("reduce_sum") == 2
    program = optimize(recorded(jaxlite.grad(lambda a: between(a, a)), a)[0])
    assert names(program).count("reduce_sum") == 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("odd", [lambda h: h, jnp.tanh, lambda h: h * jnp.abs(h), lambda h: h / (1 + h * h)])
def test_sums_that_cancel_have_the_sign_of_zero_that_they_had(odd, dtype):
    def sums(a):
        h = odd(a[:, None] - a[None])
        return [jnp.sum(x, axis=k) for x in (h, -h) for k in (0, 1)]

    program, args = recorded(sums, np.full(5, 3.0, dtype))
    new = optimize(program)
    assert names(new).count("reduce_sum") == 1
    for result in run(new, args):
        assert not np.any(np.signbit(result))


def _mlp(w1, w2, x):
    return jnp.mean((jnp.tanh(x @ w1) @ w2) ** 2)


def _normalised(x):
    z = (x - jnp.mean(x, axis=1, keepdims=True)) / jnp.std(x, axis=1, keepdims=True)
    return jnp.sum(jnp.log(jnp.sum(jnp.exp(z), axis=1)))


def _gaussian(mu, log_sigma, y):
    z = (y - mu) / jnp.exp(log_sigma)
    return -0.5 * jnp.sum(z * z) - y.size * log_sigma


def _pendulum(state):
    def step(state, _):
        angle, speed = state
        speed = speed - 0.01 * jnp.sin(angle)
        return (angle + 0.01 * speed, speed), angle

    return lax.scan(step, state, None, length=20)[1][-1]


A = np.linspace(-1.0, 1.3, 12)


# Equations of the gradient, those of loop bodies included: as recorded, and after the passes.
@pytest.mark.parametrize(
    ("fun", "args", "before", "after"),
    [
        (_mlp, (A.reshape(3, 4), A.reshape(4, 3), A.reshape(4, 3)), 22, 14),
        (_normalised, (A.reshape(3, 4),), 57, 45),
        (_gaussian, (0.3, 0.2, A), 27, 14),
        (_pendulum, ((1.0, 0.0),), 22, 16),
    ],
)
def test_gradients_of_models_shrink(fun, args, before, after):
    gradient = jaxlite.grad(jaxlite.jit(fun), tuple(range(len(args))))
    old, operands = recorded(jaxlite.jit(gradient), *args)
    new = optimize(old)
    assert count(new) < count(old)
    assert count(old) <= before and count(new) <= after
    for x, y in zip(run(old, operands), run(new, operands), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-14, atol=1e-16)


def _recurrent(cell, steps):
    def loss(w, u, h):
        xs = np.linspace(-1.0, 1.0, steps * 3).reshape(steps, 3)
        return jnp.sum(lax.scan(lambda h, x: cell(w, u, h, x), h, xs)[1] ** 2)

    return loss


CELLS = {
    "tanh": lambda w, u, h, x: (jnp.tanh(w @ h + u @ x), h[:2]),
    "weight used twice": lambda w, u, h, x: (jnp.tanh(w @ jnp.sin(w @ h) + jnp.exp(u) @ x), h),
    "gates": lambda w, u, h, x: ((h + 1.0) / (1.0 + jnp.exp(-(w @ h) - u @ x)), jnp.split(h, 3)[1]),
}


@pytest.mark.parametrize("steps", [0, 1, 6])
@pytest.mark.parametrize("cell", CELLS)
def test_loops_of_gradients_keep_their_results(cell, steps, rng):
    # One pass adds up the steps in another order.
    args = 0.2 * rng.normal(size=(24, 24)), rng.normal(size=(24, 3)), rng.normal(size=24)
    old, arrays = recorded(jaxlite.value_and_grad(_recurrent(CELLS[cell], steps), (0, 1, 2)), *args)
    new = optimize(old)
    assert optimize(new) is new
    for got, expected in zip(run(new, arrays), run(old, arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    for got, expected in zip(jaxlite.eval_jaxpr(new, (), *arrays), run(old, arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)
    loops = [eqn for eqn in new.eqns if eqn.primitive.name == "scan"]
    if steps and loops:
        # Of the forward loop only the states, and what is dear to compute, are kept.
        assert len(loops[0].outvars) - loops[0].params["num_carry"] <= 4


def test_what_checkpoint_recomputes_is_not_merged():
    x = np.linspace(0.0, 1.0, 4)

    def f(x):
        return jnp.sum(jnp.sin(jnp.sin(x)))

    def operations(f, name):
        return names(optimize(recorded(jaxlite.value_and_grad(f), x)[0])).count(name)

    assert operations(f, "sin") == 2
    assert operations(jaxlite.checkpoint(f), "sin") == 3
    assert operations(jaxlite.checkpoint(f), "checkpoint") == 0


def test_solvers_and_custom_rules_become_their_functions():
    matrix, b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([1.0, -1.0])

    def solve(b):
        return lax.custom_linear_solve(
            lambda x: matrix @ x, b, lambda _, b: jnp.linalg.solve(matrix, b), symmetric=True
        )

    for fun in (solve, jaxlite.grad(lambda b: jnp.sum(solve(b) ** 2))):
        old, args = recorded(fun, b)
        new = optimize(old)
        assert "linear_solve" in names(old) and "linear_solve" not in names(new)
        assert_same_bits(run(old, args), run(new, args))
    root = lax.custom_root
    old, args = recorded(
        lambda a: root(lambda x: x * x - a, 1.0, lambda f, x: jnp.sqrt(a), lambda g, y: y / g(1.0)), 2.0
    )
    assert names(optimize(old)) == ["sqrt"]


def test_stages_show_each_change_once():
    def f(x):
        jnp.cos(x)
        return jnp.sin(x) * 1.0 + jnp.sin(x)

    old, _ = recorded(jaxlite.jit(f), 1.0)
    shown = list(stages(old))
    assert [name for name, _ in shown] == ["recorded", "strengthen", "inline", "dce", "simplify", "cse"]
    traced = []
    assert optimize(old, lambda *stage: traced.append(stage)) is traced[-1][1]
    assert [name for name, _ in traced] == [name for name, _ in shown]
    assert_jaxpr_equal(optimize(old), shown[-1][1])


def test_optimizing_is_cached_as_long_as_the_program_lives():
    old, _ = recorded(lambda x: jnp.sin(x) * 1.0, 1.0)
    assert optimize(old) is optimize(old)
    alive = weakref.ref(optimize(old))
    del old
    gc.collect()
    assert alive() is None


def test_a_pass_that_breaks_a_program_is_named(monkeypatch):
    def swap(jaxpr):
        return jaxpr.replace(eqns=jaxpr.eqns[::-1])

    monkeypatch.setattr(pipeline, "PIPELINE", (("reverses", swap),))
    program = parse_jaxpr("{ lambda ; a:f64[]. let b:f64[] = sin a; c:f64[] = sin b in (c,) }")
    with pytest.raises(InternalError, match="the pass swap left an incorrect program"):
        list(stages(program))
    config.update("jax_enable_checks", False)
    assert next(stages(program))[0] == "recorded"


# --- effects ----------------------------------------------------------------------------------------


def test_effects_stay_and_happen_as_often():
    effect = make_primitive("test_effect", effects=frozenset({"io"}))
    try:
        program = program_of(effect, "f64[]")
        twice = program.replace(eqns=program.eqns + program_of(effect, "f64[]").eqns)
        (first, second) = twice.eqns
        twice = twice.replace(eqns=(first, second.replace(invars=first.invars)), outvars=())
        assert optimize(twice) is twice
    finally:
        remove_primitives()


def test_debug_print_runs_in_order_and_as_often_as_without_jit(capsys):
    def f(x):
        jaxlite.debug.print("one {}", x)
        jaxlite.debug.print("one {}", x)

        def step(c, y):
            jaxlite.debug.print("step {}", y)
            return c, None

        lax.scan(step, 0.0, jnp.stack([x, x + 1.0]))
        return x

    f(2.0)
    eager = capsys.readouterr().out
    jaxlite.jit(f)(2.0)
    assert capsys.readouterr().out == eager
    assert eager.splitlines() == ["one 2.0", "one 2.0", "step 2.0", "step 3.0"]


# --- keys -------------------------------------------------------------------------------------------


def test_keys_are_those_of_equal_programs():
    programs = [random_case(seed)[0] for seed in range(40)]
    copies = [parse_jaxpr(str(program)) for program in programs]
    for i, a in enumerate(programs):
        for b in copies:
            assert (program_key(a) == program_key(b)) == jaxpr_equal(a, b)
        assert hash(program_key(a)) == hash(program_key(copies[i]))


def test_keys_tell_params_and_numbers_apart():
    texts = [
        "{ lambda ; a:f64[2]. let b:f64[2] = mul a 0.0:f64[] in (b,) }",
        "{ lambda ; a:f64[2]. let b:f64[2] = mul a -0.0:f64[] in (b,) }",
        "{ lambda ; a:f64[2]. let b:f64[2] = mul a 0.0:f64*[] in (b,) }",
        "{ lambda ; a:f64[2]. let b:f64[2] = mul 0.0:f64[] a in (b,) }",
        "{ lambda ; a:f64[2]. let b:f64[2] = mul a a in (b,) }",
        "{ lambda ; a:f64[2] b:f64[2]. let c:f64[2] = mul a a in (c,) }",
        "{ lambda ; a:f64[2]. let b:f64[2] = integer_pow[y=2] a in (b,) }",
        "{ lambda ; a:f64[2]. let b:f64[2] = integer_pow[y=3] a in (b,) }",
    ]
    assert len({program_key(parse_jaxpr(text)) for text in texts}) == len(texts)


# --- under jit --------------------------------------------------------------------------------------


def test_jit_runs_the_optimized_program():
    f = jaxlite.jit(lambda x: jnp.sin(x) + jnp.sin(x) + 0.0 * jnp.cos(x)[0])
    x = np.linspace(0.0, 1.0, 3)
    expected = f(x)
    jaxpr = f.trace(x).jaxpr.jaxpr
    assert names(optimize(lift_constvars(jaxpr))).count("sin") == 1
    assert_same_bits([expected], [np.sin(x) + np.sin(x) + 0.0 * np.cos(x)[0]])


@pytest.mark.parametrize("fun", [lambda x: x, jnp.copy, lambda x: x.T, lambda x: jnp.copy(x).reshape(-1)])
def test_results_of_jit_do_not_share_memory_with_arguments(fun):
    x = np.arange(6.0).reshape(2, 3)
    result = jaxlite.jit(fun)(x)
    expected = np.array(result)
    x[:] = -1.0
    np.testing.assert_array_equal(result, expected)


def test_indices_out_of_range_raise_under_jit():
    f = jaxlite.jit(lambda x, i: jnp.sin(x)[i] * 1.0)
    with pytest.raises(IndexError, match="out of bounds"):
        f(np.arange(3.0), 7)


def test_literals_stay_scalars():
    for seed in range(60):
        for eqn in optimize(random_case(seed)[0]).eqns:
            assert all(np.ndim(atom.val) == 0 for atom in eqn.invars if type(atom) is Literal)
