"""Run rows in jaxlite and in JAX and compare: the figure of the differential test.

    outcomes = compare_all(rows, jax)
    print(report(outcomes))

    agreements 8123 of 8140 (99.8 %); with every exclusion counted as a failure 8123 of 8350 (97.3 %)
    differs  numpy.sinc d hvp: ...
"""

from __future__ import annotations

import collections
from typing import NamedTuple

import jaxlite
from tests.oracle.compare import difference
from tests.oracle.expected import expectation
from tests.oracle.functions import EXCLUDED, function_names
from tests.oracle.rows import Row
from tests.oracle.transformations import MEANING, TRANSFORMATIONS, transformations_for

class Outcome(NamedTuple):
    """One row, dtype and transformation: how jaxlite's result compares with JAX's."""

    row: Row
    letter: str
    transformation: str
    # "agrees" | "expected": differs as the table in expected.py says | "differs" | "refused": JAX gives no result
    status: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.status:9} {self.row.id} {self.letter} {self.transformation}: {self.detail}"


def text(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def ask_jax(jax, row: Row, letter: str) -> dict[str, list | Exception]:
    """Return JAX's results by meaning; one compilation for all of them."""
    f, arrays = row.function(jax), row.arrays(letter)
    meanings = sorted({MEANING[name] for name in transformations_for(row, letter)})
    refusals: dict[str, Exception] = {}

    def every_meaning(*arrays):
        refusals.clear()
        results = {}
        for meaning in meanings:
            try:
                results[meaning] = TRANSFORMATIONS[meaning](jax, f)(*arrays)
            except Exception as error:
                refusals[meaning] = error
        return results

    if not row.eager:
        # Run once: the compiler's time counts, not the code's.
        every_meaning = jax.jit(every_meaning, compiler_options={"xla_backend_optimization_level": 0})
    results = every_meaning(*arrays)
    return {**results, **refusals}


def compare(row: Row, letter: str, jax) -> list[Outcome]:
    """Compare one row for one dtype under every transformation that applies."""
    f, arrays = row.function(jaxlite), row.arrays(letter)
    of_jax = ask_jax(jax, row, letter)
    outcomes = []
    for name in transformations_for(row, letter):
        expected = of_jax[MEANING[name]]
        if isinstance(expected, list) and not expected:
            continue
        try:
            got = TRANSFORMATIONS[name](jaxlite, f)(*arrays)
        except Exception as error:
            got = error
        outcomes.append(Outcome(row, letter, name, *_judge(row, letter, name, got, expected)))
    return outcomes


def _judge(row, letter, name, got, expected) -> tuple[str, str]:
    if isinstance(expected, Exception):
        says = text(got) if isinstance(got, Exception) else "has a result"
        return "refused", f"jaxlite {says} | JAX {text(expected)}"
    problem = text(got) if isinstance(got, Exception) else difference(got, expected)
    if not problem:
        return "agrees", ""
    reason = expectation(row, letter, name, got, expected)
    return ("expected", f"{reason} ({problem})") if reason else ("differs", problem)


def compare_all(rows, jax) -> list[Outcome]:
    return [outcome for row in rows for letter in row.dtypes for outcome in compare(row, letter, jax)]


def figures(outcomes) -> tuple[int, int, int]:
    """Return agreements, the total, and the total with every exclusion.

    A difference that `semantics.md`'s table of deviations demands is an agreement in the first figure (with
    the written expectation) and a failure in the second. There an excluded function fails as often as a
    tested one is compared on average.
    """
    count = collections.Counter(outcome.status for outcome in outcomes)
    strict = count["agrees"]
    total = strict + count["expected"] + count["differs"]
    tested = len({outcome.row.name for outcome in outcomes} & function_names())
    per_function = total / max(tested, 1)
    return strict, total, round(total + per_function * len(EXCLUDED))


def report(outcomes) -> str:
    count = collections.Counter(outcome.status for outcome in outcomes)
    strict, total, with_exclusions = figures(outcomes)
    kept = strict + count["expected"]
    lines = [
        f"agreements {kept} of {total} ({100 * kept / total:.2f} %), {count['expected']} of them as the table "
        f"of expected differences says; with every exclusion and expected difference a failure "
        f"{strict} of {with_exclusions} ({100 * strict / with_exclusions:.2f} %); JAX refuses {count['refused']}",
    ]
    lines += [str(outcome) for outcome in outcomes if outcome.status == "differs"]
    return "\n".join(lines)
