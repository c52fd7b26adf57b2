"""A program in several modules of LLVM text, which are compiled side by side and linked.

    define i64 @jl_KEY_k0(ptr %self, …)     in one of them
    declare i64 @jl_KEY_k0(ptr, …)          where it is called

Functions are visible to other modules even where there is one alone: LLVM would hand constants on to those that only
their module calls, and results would not be the same bits for every number of modules.
"""

from __future__ import annotations

import re

# Characters of functions for which a module of their own is worth it: LLVM compiles so many in 20 to 30 ms.
LEAST_TEXT = 6_000
_HEADER = re.compile(r"define i64 @(\S+?)\((.*?)\)")
_NAME = re.compile(r"@[\w.$]+")


def divided(kernels: list[str], beginning: list[str], most: int) -> list[list[str]]:
    """Divide functions into at most so many groups of about the same length, the first of which holds the beginning.

    Each group declares what it calls of the others.
    """
    functions = [*kernels, *beginning]
    count = min(most, sum(map(len, functions)) // LEAST_TEXT)
    if count < 2:
        return [functions]
    groups: list[list[str]] = [beginning, *([] for _ in range(count - 1))]
    for function in sorted(kernels, key=len, reverse=True):
        min(groups, key=lambda group: sum(map(len, group))).append(function)
    declarations = {}
    for name, formals in (found.groups() for found in map(_HEADER.match, functions) if found):
        kinds = ", ".join(formal.split(" ")[0] for formal in formals.split(", ") if formal)
        declarations[f"@{name}"] = f"declare i64 @{name}({kinds})"
    return [_linked(group, declarations) for group in groups if group]


def _linked(group: list[str], declarations: dict[str, str]) -> list[str]:
    here = {f"@{found.group(1)}" for found in map(_HEADER.match, group) if found}
    called = {name for function in group for name in _NAME.findall(function)} - here
    return [*(line for name, line in declarations.items() if name in called), *group]


def used_in(functions: list[str], definitions: list[str]) -> list[str]:
    """Return the definitions of which something is named in functions."""
    named = {name for function in functions for name in _NAME.findall(function)}
    return [text for text in definitions if not named.isdisjoint(_NAME.findall(text))]
