"""``python -m jaxlite names``: JAX's names, which of them are here, and what they are compiled to. Layer 7.

    jax.numpy                        libraries  documents  here  under jit
    sort                                     4          1   yes  native
    roots                                    1          0   yes  NumPy: pure_callback

The names stand in data/jax_names.csv. Whether a function is native is not written down anywhere: its sample call in
data/calls.txt is compiled and run, and the counters say whether the machine code called back into NumPy.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import jaxlite
from jaxlite.counters import counters
from jaxlite.ir import ClosedJaxpr, Jaxpr
from jaxlite.passes.pipeline import optimize
from jaxlite.runtime.host import equation_at

__all__ = ["main"]

_FOLDER = Path(__file__).parent / "data"
_PREFIXES = {"jnp": "jax.numpy", "lax": "jax.lax", "nn": "jax.nn", "random": "jax.random", "jax": "jax"}


class Name(NamedTuple):
    """One of JAX's public names, and how many of 13 libraries and 35 documents use it."""

    name: str
    libraries: int
    documents: int

    @property
    def module(self) -> str:
        return self.name.rpartition(".")[0]


class Evidence(NamedTuple):
    """What running a sample call under ``jit`` showed."""

    call: str
    equations: int
    host_calls: int
    interpreted: int
    left_to_numpy: tuple[str, ...]
    error: str = ""

    def __str__(self) -> str:
        if self.error:
            return f"error: {self.error}"
        if self.interpreted:
            return "interpreted"
        if self.host_calls:
            return f"NumPy: {', '.join(self.left_to_numpy)}"
        return "native" if self.equations else "nothing to compute"


def read_names() -> list[Name]:
    """Read JAX's names from the data file.

    Returns
    -------
    list of Name
        In alphabetical order.
    """
    with (_FOLDER / "jax_names.csv").open(encoding="utf-8", newline="") as file:
        return [
            Name(row["name"], int(row["libraries"]), int(row["documents"])) for row in csv.DictReader(file)
        ]


def read_calls() -> dict[str, str]:
    """Read the sample calls.

    Returns
    -------
    dict of str to str
        From the full name of the function that a call begins with: ``{"jax.numpy.sin": "jnp.sin(A)"}``.
    """
    calls = {}
    for line in (_FOLDER / "calls.txt").read_text(encoding="utf-8").splitlines():
        head, _, rest = re.match(r"[\w.]+", line).group().partition(".")
        calls[f"{_PREFIXES[head]}.{rest}"] = line
    return calls


def find(name: str) -> Any:
    """Return what stands in jaxlite under a name of JAX; raises AttributeError where nothing does."""
    found: Any = jaxlite
    path = name.split(".")[1:]
    for i, part in enumerate(path):
        try:
            found = getattr(found, part)
        except AttributeError:
            # A module that nothing has imported yet.
            try:
                found = importlib.import_module(".".join(("jaxlite", *path[: i + 1])))
            except ImportError:
                raise AttributeError(f"jaxlite has no {name}") from None
    return found


def is_here(name: str) -> bool:
    """Whether jaxlite has a name of JAX."""
    try:
        find(name)
    except AttributeError:
        return False
    return True


# --- evidence ---------------------------------------------------------------------------------------


def sample_arrays() -> dict[str, np.ndarray]:
    """Return the arrays that sample calls name; all of them are traced.

    Returns
    -------
    dict of str to ndarray
        ``A B : f64[2, 3]``, ``C : c128[2, 3]``, ``G : bool[2, 3]``, ``I J : i64[2, 3]``, ``K : i64[4]``,
        ``L : f64[7]``, ``N : f64[2, 3]`` with nan, ``P U X : f64[2, 3]`` positive, within ±1 and above 1,
        ``Q : f64[3, 3]`` regular, ``S : f64[4]`` rising, ``T : f64[2, 3, 4]``, ``V W : f64[3]``, ``Y : u32[2]`` a key.
    """
    rng = np.random.default_rng(7)
    return {
        "A": rng.uniform(-2, 2, (2, 3)),
        "B": rng.uniform(-2, 2, (2, 3)),
        "C": rng.uniform(-1, 1, (2, 3)) + 1j * rng.uniform(-1, 1, (2, 3)),
        "G": np.array([[True, False, True], [False, False, True]]),
        "I": np.array([[12, -8, 7], [3, 0, 5]]),
        "J": np.array([[1, 2, 2], [3, 1, 4]]),
        "K": np.array([1, 0, 3, 1]),
        "L": rng.uniform(-2, 2, 7),
        "N": np.array([[0.5, np.nan, 1.5], [np.nan, -2.0, 3.0]]),
        "P": rng.uniform(0.3, 3, (2, 3)),
        "Q": rng.uniform(-2, 2, (3, 3)) + 6 * np.eye(3),
        "S": np.array([-1.5, -0.2, 0.4, 1.7]),
        "T": rng.uniform(-2, 2, (2, 3, 4)),
        "U": rng.uniform(-0.9, 0.9, (2, 3)),
        "V": rng.uniform(-2, 2, 3),
        "W": rng.uniform(-2, 2, 3),
        "X": rng.uniform(1.2, 3, (2, 3)),
        "Y": np.array([0, 42], np.uint32),
    }


def sample_program(call: str) -> tuple[Any, list[np.ndarray]]:
    """Return a sample call as a function of the arrays that it names, and these.

    Parameters
    ----------
    call : str
        Such as ``"jnp.hypot(A, B)"``. ``"i"`` is the name of a mapped axis, for collectives.

    Returns
    -------
    callable, list of ndarray
    """
    arrays = sample_arrays()
    names = [name for name in arrays if re.search(rf"\b{name}\b", call)]
    code = compile(call, call, "eval")
    scope = {"jnp": jaxlite.numpy, "lax": jaxlite.lax, "nn": jaxlite.nn, "jax": jaxlite, "np": np}
    scope["random"] = jaxlite.random

    def program(*values):
        result = eval(code, {**scope, **dict(zip(names, values, strict=True))})
        return [
            leaf for leaf in jaxlite.tree_util.tree_leaves(result) if not isinstance(leaf, str | np.dtype)
        ]

    if '"i"' in call:
        # Three members, all with the same arrays.
        return jaxlite.vmap(program, in_axes=None, axis_name="i", axis_size=3), [
            arrays[name] for name in names
        ]
    return program, [arrays[name] for name in names]


def examine(call: str) -> Evidence:
    """Compile and run a sample call, and look at what the machine code did.

    Parameters
    ----------
    call : str
        As for `sample_program`.

    Returns
    -------
    Evidence
    """
    program, arrays = sample_program(call)
    try:
        jaxpr = jaxlite.make_jaxpr(program)(*arrays).jaxpr
        compiled = jaxlite.jit(program).lower(*arrays).compile()
        before = (counters.num_host_calls, counters.num_interpreted_calls)
        compiled(*arrays)
        after = (counters.num_host_calls, counters.num_interpreted_calls)
    except Exception as error:
        return Evidence(call, 0, 0, 0, (), f"{type(error).__name__}: {' '.join(str(error).split())[:80]}")
    host_calls, interpreted = (b - a for a, b in zip(before, after, strict=True))
    left = _left_to_numpy(program, arrays) if host_calls else ()
    return Evidence(call, _count(jaxpr), host_calls, interpreted, left)


def _inner(eqn) -> list[Jaxpr]:
    found = []
    for param in eqn.params.values():
        for value in param if isinstance(param, tuple | list) else (param,):
            if isinstance(value, ClosedJaxpr):
                found.append(value.jaxpr)
            elif isinstance(value, Jaxpr):
                found.append(value)
    return found


def _count(jaxpr: Jaxpr) -> int:
    """Return how many equations compute something, inner programs included."""
    total = 0
    for eqn in jaxpr.eqns:
        inner = _inner(eqn)
        total += sum(map(_count, inner)) + (eqn.primitive.name != "jit")
    return total


def _left_to_numpy(program, arrays) -> tuple[str, ...]:
    """Return the primitives that the loop program calls NumPy for: ``host(3, …)`` runs equation 3."""
    text = jaxlite.jit(program).lower(*arrays).as_text("loops")
    equations = equation_at(optimize(jaxlite.make_jaxpr(program)(*arrays).jaxpr))
    sites = [int(site) for site in re.findall(r"\bhost\((\d+),", text)]
    return tuple(dict.fromkeys(equations[site].primitive.name for site in sites))


# --- the table --------------------------------------------------------------------------------------


def table(modules: Sequence[str] | None = None, used: bool = False) -> list[tuple[Name, bool, str]]:
    """Return what is known about each name.

    Parameters
    ----------
    modules : sequence of str, optional
        Such as ``"jax.numpy"``; by default all.
    used : bool, default False
        Whether to leave out names that no library and no document uses.

    Returns
    -------
    list of (Name, bool, str)
        The name, whether jaxlite has it, and what its sample call showed under ``jit``; empty where there is no call.
    """
    calls = read_calls()
    rows = []
    for name in read_names():
        wanted = modules is None or name.module in modules
        if not wanted or (used and not (name.libraries or name.documents)):
            continue
        here = is_here(name.name)
        call = calls.get(name.name) if here else None
        rows.append((name, here, str(examine(call)) if call else ""))
    return rows


def summary(rows: Sequence[tuple[Name, bool, str]]) -> str:
    """Return one line of counts for each module."""
    lines = [f"{'module':<34}{'names':>7}{'here':>7}{'native':>8}{'NumPy':>7}{'other':>7}{'no call':>9}"]
    for module in dict.fromkeys(name.module for name, _, _ in rows):
        own = [row for row in rows if row[0].module == module]
        shown = [status for _, here, status in own if here]
        native = sum(status == "native" for status in shown)
        host = sum(status.startswith("NumPy") for status in shown)
        none = sum(not status for status in shown)
        lines.append(
            f"{module:<34}{len(own):>7}{len(shown):>7}{native:>8}{host:>7}"
            f"{len(shown) - native - host - none:>7}{none:>9}"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments of the command line after ``names``.

    Returns
    -------
    int
        0, or 1 if a sample call raised.
    """
    parser = argparse.ArgumentParser(
        "python -m jaxlite names",
        description="JAX's names: how many of 13 libraries and 35 of JAX's documents use each, whether it is here, "
        "and whether its sample call, compiled and run, called back into NumPy.",
    )
    parser.add_argument("modules", nargs="*", help="such as jax.numpy; by default all")
    parser.add_argument("--used", action="store_true", help="only names that a library or a document uses")
    parser.add_argument("--missing", action="store_true", help="only names that are not here")
    parser.add_argument("--csv", action="store_true", help="comma-separated, without the counts")
    options = parser.parse_args(argv)
    rows = table(options.modules or None, options.used)
    shown = [row for row in rows if not (options.missing and row[1])]
    if options.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("name", "libraries", "documents", "here", "under_jit"))
        writer.writerows((*name, "yes" if here else "no", status) for name, here, status in shown)
    else:
        for module in dict.fromkeys(name.module for name, _, _ in shown):
            print(f"{module:<40}{'libraries':>10}{'documents':>11}  here  under jit")
            for name, here, status in shown:
                if name.module == module:
                    last = name.name.rpartition(".")[2]
                    counts = f"{name.libraries:>10}{name.documents:>11}"
                    line = f"    {last:<36}{counts}  {'yes' if here else 'no':<4}  {status}"
                    print(line.rstrip())
            print()
        print(summary(rows))
    return 1 if any(status.startswith("error") for _, _, status in rows) else 0
