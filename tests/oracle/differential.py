"""Run rows in jaxlite and in JAX and compare: the figures of the differential test.

outcomes = compare_all([(row, letter) for row in ROWS for letter in row.dtypes], jax)
print(report(outcomes))

agreements with JAX: 12575 of 12617 (99.67%); with every exclusion … counted as a failure: 12418 of 12896 …
differs   numpy.pad[mode=mean] d grad: ArgumentError: pad: mode 'mean' is not supported. …
"""

from __future__ import annotations

import collections
from typing import NamedTuple

import jaxlite
from tests.oracle.compare import difference
from tests.oracle.expected import expectation
from tests.oracle.functions import EXCLUDED
from tests.oracle.rows import Row
from tests.oracle.transformations import MEANING, TRANSFORMATIONS, transformations_for

# How many samples JAX compiles together: much of a compilation's time does not depend on the program.
CHUNK = 16


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


def _meanings(sample) -> list[str]:
    return sorted({MEANING[name] for name in transformations_for(*sample)})


def _arrays(jx, sample) -> list:
    row, letter = sample
    return list(map(jx.numpy.asarray, row.arrays(letter)))


def ask_jax(jax, samples) -> list[dict[str, list | Exception]]:
    """Return JAX's results by meaning, for each sample; one compilation for all that need no concrete values."""
    refusals: list[dict[str, Exception]] = [{} for _ in samples]

    def every_meaning(which, arrays):
        results = []
        for n, xs in zip(which, arrays):
            f, found = samples[n][0].function(jax), {}
            for meaning in _meanings(samples[n]):
                try:
                    found[meaning] = TRANSFORMATIONS[meaning](jax, f)(*xs)
                except Exception as error:
                    refusals[n][meaning] = error
            results.append(found)
        return results

    answers: list[dict] = [{} for _ in samples]
    for eager in (True, False):
        which = tuple(n for n, (row, _) in enumerate(samples) if row.eager is eager)
        run = every_meaning
        if not eager:
            # Run once: the compiler's time counts, not the code's.
            options = {"xla_backend_optimization_level": 0}
            run = jax.jit(every_meaning, static_argnums=0, compiler_options=options)
        for n, results in zip(which, run(which, [_arrays(jax, samples[n]) for n in which])):
            answers[n] = {**results, **refusals[n]}
    return answers


def compare(sample, of_jax) -> list[Outcome]:
    """Compare one row for one dtype under every transformation that applies."""
    row, letter = sample
    f, arrays = row.function(jaxlite), _arrays(jaxlite, sample)
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


def compare_all(samples, jax) -> list[Outcome]:
    """Compare pairs of a row and a dtype's letter."""
    outcomes = []
    for start in range(0, len(samples), CHUNK):
        chunk = samples[start : start + CHUNK]
        for sample, of_jax in zip(chunk, ask_jax(jax, chunk), strict=True):
            outcomes += compare(sample, of_jax)
    return outcomes


class Figures(NamedTuple):
    """What the comparison comes to."""

    agreements: int  # with the expectations of expected.py counted in
    total: int
    strict_agreements: int  # equal to JAX
    strict_total: int  # with a share for each excluded function
    refused: int

    @property
    def rate(self) -> float:
        return self.agreements / self.total

    @property
    def strict_rate(self) -> float:
        return self.strict_agreements / self.strict_total


def figures(outcomes) -> Figures:
    """Count.

    A difference that the table of deviations in `expected.py` demands is an agreement in the first figure and a
    failure in the second, where an excluded function fails as often as a tested one is compared on average.
    """
    count = collections.Counter(outcome.status for outcome in outcomes)
    strict = count["agrees"]
    total = strict + count["expected"] + count["differs"]
    per_function = total / len({outcome.row.name for outcome in outcomes})
    return Figures(
        agreements=strict + count["expected"],
        total=total,
        strict_agreements=strict,
        strict_total=total + round(per_function * len(EXCLUDED)),
        refused=count["refused"],
    )


def report(outcomes) -> str:
    """Return the figures, then every difference that was not expected."""
    f = figures(outcomes)
    lines = [
        f"agreements with JAX: {f.agreements} of {f.total} ({f.rate:.2%}); "
        f"with every exclusion and expected difference counted as a failure: "
        f"{f.strict_agreements} of {f.strict_total} ({f.strict_rate:.2%}); JAX itself refuses {f.refused}",
    ]
    return "\n".join(lines + [str(outcome) for outcome in outcomes if outcome.status == "differs"])
