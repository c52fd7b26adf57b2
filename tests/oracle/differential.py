"""Run rows in jaxlite and in JAX and compare: the figures of the differential test.

outcomes = compare_all([(row, letter) for row in ROWS for letter in row.dtypes], jax)
print(report(outcomes, EXCLUDED))

agreements with JAX: 12575 of 12617 (99.67%); with every exclusion … counted as a failure: 12418 of 12896 …
differs   numpy.pad[mode=mean] d grad: ArgumentError: pad: mode 'mean' is not supported. …
"""

from __future__ import annotations

import collections
from collections.abc import Collection, Sequence
from typing import NamedTuple

import jaxlite
from tests.oracle.compare import difference
from tests.oracle.expected import expectation, precision
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
    """Return JAX's results by meaning, for each sample."""
    answers: list[dict] = [{} for _ in samples]
    for eager in (True, False):
        which = [n for n, (row, _) in enumerate(samples) if row.eager is eager]
        questions = tuple((n, meaning) for n in which for meaning in _meanings(samples[n]))
        found = _results(jax, samples, questions) if eager else _compiled(jax, samples, questions)
        for (n, meaning), result in zip(questions, found, strict=True):
            answers[n][meaning] = result
    return answers


def _results(jax, samples, questions, arrays=None) -> list[list | Exception]:
    """Return results in the order of the questions, pairs of a sample's number and a meaning."""
    arrays = arrays or {n: _arrays(jax, samples[n]) for n, _ in questions}
    results = []
    for n, meaning in questions:
        try:
            results.append(TRANSFORMATIONS[meaning](jax, samples[n][0].function(jax))(*arrays[n]))
        except Exception as error:
            results.append(error)
    return results


def _compiled(jax, samples, questions) -> list[list | Exception]:
    """Return the same by one compilation; if JAX can trace but not compile it, of the halves."""
    refusals: dict[int, Exception] = {}

    def program(arrays):
        results = _results(jax, samples, questions, arrays)
        refusals.update((k, x) for k, x in enumerate(results) if isinstance(x, Exception))
        return [None if isinstance(x, Exception) else x for x in results]

    try:
        # Run once: the compiler's time counts, not the code's.
        options = {"xla_backend_optimization_level": 0}
        arrays = {n: _arrays(jax, samples[n]) for n, _ in questions}
        results = jax.jit(program, compiler_options=options)(arrays)
    except Exception as error:
        if len(questions) == 1:
            return [error]
        middle = len(questions) // 2
        return [
            *_compiled(jax, samples, questions[:middle]),
            *_compiled(jax, samples, questions[middle:]),
        ]
    return [refusals.get(k, result) for k, result in enumerate(results)]


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
    close = precision(row)
    problem = (
        text(got) if isinstance(got, Exception) else difference(got, expected, close and close.tolerance)
    )
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

    def __str__(self) -> str:
        return (
            f"agreements with JAX: {self.agreements} of {self.total} ({self.rate:.2%}); "
            f"with every exclusion and expected difference counted as a failure: "
            f"{self.strict_agreements} of {self.strict_total} ({self.strict_rate:.2%}); "
            f"JAX itself refuses {self.refused}"
        )

    @property
    def brief(self) -> str:
        return (
            f"{self.agreements:6} of {self.total:6} ({self.rate:7.2%}); strict {self.strict_agreements:6} of "
            f"{self.strict_total:6} ({self.strict_rate:7.2%}); JAX refuses {self.refused}"
        )

    @property
    def rate(self) -> float:
        return self.agreements / self.total

    @property
    def strict_rate(self) -> float:
        return self.strict_agreements / self.strict_total


def figures(outcomes, excluded: Collection[str] = ()) -> Figures:
    """Count, given the names of functions without a row.

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
        strict_total=total + round(per_function * len(excluded)),
        refused=count["refused"],
    )


def area_of(name: str) -> str:
    """Return the module that a row's figures count for: ``scipy.stats``, ``nn``, ``numpy``."""
    words = name.split(".")
    return ".".join(words[:2]) if words[0] == "scipy" else words[0]


def total(parts: Sequence[Figures]) -> Figures:
    """Add the figures of parts."""
    return Figures(*map(sum, zip(*parts)))


def report(outcomes, excluded: Collection[str] = ()) -> str:
    """Return the figures, then every difference that was not expected."""
    return "\n".join([str(figures(outcomes, excluded)), *differences(outcomes)])


def differences(outcomes) -> list[str]:
    return [str(outcome) for outcome in outcomes if outcome.status == "differs"]
