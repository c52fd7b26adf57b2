"""A program in several modules of LLVM text, which are compiled side by side and linked.

define internal i64 @jl_KEY_k0(ptr %self, …)  ->  define i64 @jl_KEY_k0(ptr %self, …)     in one of them
                                                  declare i64 @jl_KEY_k0(ptr, …)          where it is called
"""

from __future__ import annotations

import re

# Modules of a program, and characters of functions for which one is worth it: LLVM compiles so many in 20 to 30 ms.
MOST_MODULES, LEAST_TEXT = 8, 6_000
_HEADER = re.compile(r"define internal i64 @(\S+?)\((.*?)\)")
_NAME = re.compile(r"@[\w.$]+")


def divided(functions: list[str], prefix: str) -> list[list[str]]:
    """Divide functions, the last of which begins the program, into groups of about the same length.

    Each group declares what it calls of the others; the first one holds the beginning. The groups follow from the text
    alone, as LLVM hands constants on to functions in the same module: results are the same bits on every machine.
    """
    count = min(MOST_MODULES, sum(map(len, functions)) // LEAST_TEXT)
    if count < 2:
        return [functions]
    groups: list[list[str]] = [[functions[-1]], *([] for _ in range(count - 1))]
    for function in sorted(functions[:-1], key=len, reverse=True):
        min(groups, key=lambda group: sum(map(len, group))).append(function)
    groups = [group for group in groups if group]
    declarations = {}
    for function in functions:
        header = _HEADER.match(function)
        if header:
            name, formals = header.groups()
            kinds = ", ".join(formal.split(" ")[0] for formal in formals.split(", ") if formal)
            declarations[f"@{name}"] = f"declare i64 @{name}({kinds})"
    return [_linked(group, prefix, declarations) for group in groups]


def _linked(group: list[str], prefix: str, declarations: dict[str, str]) -> list[str]:
    visible = [f.replace(f"define internal i64 @{prefix}", f"define i64 @{prefix}") for f in group]
    here = {f"@{found.group(1)}" for found in map(_HEADER.match, group) if found}
    called = {name for function in group for name in _NAME.findall(function)} - here
    return [*(line for name, line in declarations.items() if name in called), *visible]


def used_in(functions: list[str], definitions: list[str]) -> list[str]:
    """Return the definitions of which something is named in functions."""
    named = {name for function in functions for name in _NAME.findall(function)}
    return [text for text in definitions if not named.isdisjoint(_NAME.findall(text))]
