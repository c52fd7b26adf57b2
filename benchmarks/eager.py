"""What a function of `jaxlite.numpy` costs over NumPy's own in eager use, on arrays of a few numbers.

    python -m benchmarks.eager                  all functions, dearest first
    python -m benchmarks.eager --only hist      those whose name contains a text

Every public name that NumPy has too is called as the tests and the table of names call it. Of each call only the
function is timed: its arguments are made before. Peers alternate on one core; the difference of the medians of
many short runs counts, the least of several, and calls over the limit are measured again in the end.
"""

from __future__ import annotations

import argparse
import ast
import functools
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import jaxlite.numpy as jnp
from benchmarks.timing import medians, on_one_core
from jaxlite.array import Array
from jaxlite.names import read_calls
from tests.numpy_calls import ARRAYS, FUNCTIONS, KNOWN, UFUNCS, rows

LIMIT = 3.0  # microseconds
RUN = 1e-4  # seconds that one run takes, about
RUNS, REPEATS, RETRIES = 15, 2, 6
_NAMESPACES = ("", "linalg.", "fft.")

# Calls of names that the two tables do not call as NumPy takes them.
_MORE = """
np.argwhere(A>0)  np.bartlett(5)  np.choose(G.astype(int),[A,B],mode="clip")  np.fill_diagonal(Q+0,1.0)
np.isscalar(2.0)  np.kaiser(5,2.0)  np.iterable(A)  np.poly(V)  np.roots(V)  np.permute_dims(T,(1,2,0))
np.put_along_axis(A+0,J[:,:1]%3,1.0,1)  np.place(A+0,G,V)  np.put(A+0,K[:2],V[:2])  np.take(A,K[:2]%2,axis=1)
np.flatnonzero(A>0)  np.nonzero(A>0)  np.trim_zeros(np.array([0.0,1.0,0.0]))  np.array_repr(V)  np.array_str(V)
np.intersect1d(K,K[:2])  np.setdiff1d(K,K[:2])  np.setxor1d(K,K[:2])  np.histogramdd(T[:,:,0],3)
np.einsum_path("ij,jk->ik",A,Q)
"""
# Where jaxlite takes one argument more to mean the same.
_OURS_ONLY = {name: {"inplace": False} for name in ("fill_diagonal", "place", "put", "put_along_axis")}


@dataclass(frozen=True)
class Row:
    """One call: a function of both libraries and the arguments for it, as a user of NumPy has them."""

    name: str
    call: str
    ours: Callable
    theirs: Callable
    args: tuple
    keywords: dict


def find(module, name: str):
    """Return what stands in a module under a dotted name, or None."""
    for part in name.split("."):
        module = getattr(module, part, None)
    return module


def names() -> list[str]:
    """Return the public functions that both libraries have."""
    found = []
    for prefix in _NAMESPACES:
        ours = find(jnp, prefix.rstrip(".")) if prefix else jnp
        for name in dir(ours):
            both = find(jnp, prefix + name), find(np, prefix + name)
            if not name.startswith("_") and all(map(callable, both)) and not _is_class(*both):
                found.append(prefix + name)
    return found


def _is_class(ours, theirs) -> bool:
    """Whether a name stands for a type that is not called to compute: `ndarray`, `floating`, `finfo`, errors."""
    return isinstance(theirs, type) and (isinstance(ours, type) or not issubclass(theirs, np.generic))


def calls() -> dict[str, str]:
    """Return one call of each name, in NumPy's spelling."""
    ours = {
        name.removeprefix("jax.numpy."): call.replace("jnp.", "np.")
        for name, call in read_calls().items()
        if name.startswith("jax.numpy.")
    }
    theirs = {}
    scalar_types = [f"np.{name}(A)" for name in names() if isinstance(find(np, name), type)]
    for call in rows(_MORE) + rows(UFUNCS) + rows(KNOWN) + rows(FUNCTIONS) + scalar_types:
        theirs.setdefault(call.partition("(")[0].removeprefix("np."), call)
    return ours | theirs


def _first_call(expression: ast.expr, name: str) -> ast.Call:
    """Return the call of the function itself: of ``np.frexp(A)[1]`` that without the index."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"np.{name}":
            return node
    raise ValueError(f"{ast.unparse(expression)} does not call np.{name}")


def make_row(name: str, call: str) -> Row:
    """Evaluate the arguments of a call."""
    node = _first_call(ast.parse(call, mode="eval").body, name)
    scope = {"np": np, **ARRAYS}

    def value(part: ast.expr):
        return eval(compile(ast.Expression(part), call, "eval"), scope)

    args = tuple(value(arg) for arg in node.args)
    keywords = {keyword.arg: value(keyword.value) for keyword in node.keywords}
    return Row(name, ast.unparse(node), find(jnp, name), find(np, name), args, keywords)


def as_ours(value):
    """View arrays as those that jaxlite returns, and take its functions; in lists and tuples too."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value).view(Array)
    if find(np, getattr(value, "__name__", "")) is value:
        return find(jnp, value.__name__)
    return type(value)(map(as_ours, value)) if type(value) in (list, tuple) else value


def seconds(function: Callable, args: tuple, keywords: dict, count: int) -> float:
    """Return the time of one call with keywords, of ``count`` in a row; nothing waits, for nothing runs on."""
    clock = time.perf_counter
    times = range(count)
    start = clock()
    for _ in times:
        function(*args, **keywords)
    return (clock() - start) / count


def overhead(peers: list[tuple], count: int) -> np.ndarray:
    """Return the median microseconds of a call of each peer, taken in turns."""
    return 1e6 * np.array(medians([functools.partial(seconds, *peer, count) for peer in peers], RUNS))


def measure(row: Row, repeats: int) -> np.ndarray:
    """Return the microseconds of NumPy's call, and what `Array` and ndarray cost over it."""
    extra = _OURS_ONLY.get(row.name, {})
    keywords = {**row.keywords, **extra}
    ours = tuple(map(as_ours, row.args)), {key: as_ours(value) for key, value in keywords.items()}
    peers = [
        (row.theirs, row.args, row.keywords),
        (row.ours, *ours),
        (row.ours, row.args, keywords),
    ]
    once = max(min(seconds(*peer, 1) for _ in range(3)) for peer in peers)
    count = max(1, int(RUN / once))
    results = np.array([overhead(peers, count) for _ in range(repeats)])
    theirs = results[:, 0]
    return np.array([theirs.min(), *(results[:, 1:] - theirs[:, None]).min(axis=0)])


def table(only: str) -> list[tuple[Row, np.ndarray]]:
    """Measure all rows, and those over the limit again, later: another process may have had the core."""
    results = list(first_pass(only))
    for _ in range(RETRIES):
        results = [
            (row, np.minimum(result, measure(row, REPEATS)) if result[1:].max() > LIMIT else result)
            for row, result in results
        ]
    return results


def first_pass(only: str) -> Iterator[tuple[Row, np.ndarray]]:
    """Yield rows with their measurements; name those that cannot be measured on stderr."""
    known = calls()
    for name in names():
        if only not in name:
            continue
        if name not in known:
            print(f"no call: {name}", file=sys.stderr)
            continue
        try:
            row = make_row(name, known[name])
            result = measure(row, REPEATS)
        except Exception as error:
            print(f"not as NumPy: {known[name]}: {type(error).__name__}: {str(error):.60}", file=sys.stderr)
            continue
        yield row, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT")
    options = parser.parse_args()
    on_one_core()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        results = sorted(table(options.only), key=lambda pair: -pair[1][1])
    print(f"{'us over NumPy, of an':<44}{'Array':>9}{'ndarray':>9}{'NumPy':>9}")
    for row, (theirs, ours, writable) in results:
        print(f"{row.call:<44.43}{ours:>9.2f}{writable:>9.2f}{theirs:>9.2f}")
    over = np.array([result[1:] for _, result in results])
    print(f"{len(over)} functions; median {np.median(over[:, 0]):.2f} and {np.median(over[:, 1]):.2f} us")
    print(
        f"over {LIMIT:g} us: {(over[:, 0] > LIMIT).sum()} of Array, {(over[:, 1] > LIMIT).sum()} of ndarray"
    )


if __name__ == "__main__":
    main()
