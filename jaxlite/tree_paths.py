"""Places in a tree: key paths, how they are spelled, and where two trees differ first.

A key path is a tuple with one entry for each container on the way to a leaf. This file imports nothing of
jaxlite (layer 0). What it produces::

    >>> path = (SequenceKey(0), DictKey('w'))
    >>> keystr(path), path_name(path, root='args')
    ("[0]['w']", "args[0]['w']")
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar


class _Entry:
    """One step of a key path: equal to another of its class that holds the same value."""

    # Not dataclasses: each of those costs 0.5 ms at import.
    __slots__ = ()
    __match_args__: tuple[str] = ("",)

    @property
    def _value(self) -> Any:
        return getattr(self, self.__match_args__[0])

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._value == other._value

    def __hash__(self) -> int:
        return hash((type(self), self._value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.__match_args__[0]}={self._value!r})"


class DictKey(_Entry):
    """The key of a dict, as an entry of a key path."""

    __slots__ = __match_args__ = ("key",)

    def __init__(self, key: Any):
        self.key = key

    def __str__(self) -> str:
        return f"[{self.key!r}]"


class SequenceKey(_Entry):
    """A position in a tuple or list, as an entry of a key path."""

    __slots__ = __match_args__ = ("idx",)

    def __init__(self, idx: int):
        self.idx = idx

    def __str__(self) -> str:
        return f"[{self.idx}]"


class GetAttrKey(_Entry):
    """The name of an attribute, as an entry of a key path."""

    __slots__ = __match_args__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __str__(self) -> str:
        return f".{self.name}"


class FlattenedIndexKey(_Entry):
    """The number of a child in a registered node that gives its children no names."""

    __slots__ = __match_args__ = ("key",)

    def __init__(self, key: int):
        self.key = key

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"


KeyEntry = TypeVar("KeyEntry", bound=Hashable)
KeyPath = tuple[KeyEntry, ...]


def keystr(keys: KeyPath, *, simple: bool = False, separator: str = "") -> str:
    """Spell a key path.

    Parameters
    ----------
    keys : tuple of key entries
        As ``tree_flatten_with_path`` gives them.
    simple : bool
        Write the bare key, index or name of each entry instead of ``['a']``, ``[0]``, ``.a``.
    separator : str
        What stands between two entries.

    Returns
    -------
    str

    Examples
    --------
    >>> path = (DictKey('a'), SequenceKey(0))
    >>> keystr(path), keystr(path, simple=True, separator='/')
    ("['a'][0]", 'a/0')
    """
    return separator.join(map(_simple_text if simple else str, keys))


def _simple_text(entry: Any) -> str:
    return str(entry._value if isinstance(entry, _Entry) else entry)


def path_name(path: KeyPath, root: str = "tree") -> str:
    """Spell a key path as the Python expression that reaches it from `root`.

    Parameters
    ----------
    path : tuple of key entries
        As ``tree_flatten_with_path`` gives them.
    root : str
        The name of the whole tree.

    Returns
    -------
    str

    Examples
    --------
    >>> path_name((SequenceKey(0), DictKey('w')), root='args')
    "args[0]['w']"
    """
    return root + keystr(path)


class Level:
    """The outermost container of a tree, or of a structure (then `tree` is None)."""

    __slots__ = ("children", "data", "kind", "to_keys", "tree")

    def __init__(self, kind: type, data: Any, children: Sequence, to_keys: Callable, tree: Any):
        self.kind = kind
        self.data = data
        self.children = children
        self.to_keys = to_keys
        self.tree = tree


class Difference:
    """The first place where two trees differ, and what each of them has there."""

    __slots__ = ("expected", "found", "path")

    def __init__(self, path: KeyPath, expected: str, found: str):
        self.path = path
        self.expected = expected
        self.found = found

    def describe(self, root: str) -> str:
        """``"carry[0]['w']: tuple of 2 against list of 3"``, the expected one first."""
        return f"{path_name(self.path, root)}: {self.expected} against {self.found}"


def find_difference(
    open_expected: Callable[[Any], Level | str],
    expected: Any,
    open_found: Callable[[Any], Level | str],
    found: Any,
    same_data: Callable[[Any, Any], bool],
    is_prefix: bool,
    path: KeyPath = (),
) -> Difference | None:
    """Find the first place where two trees (or structures) differ.

    Parameters
    ----------
    open_expected, open_found : callable
        Return the outermost container of a tree, or the description of a leaf.
    expected, found
        The trees.
    same_data : callable
        Says whether the static data of two containers agree.
    is_prefix : bool
        Whether a leaf of `expected` matches anything.
    path : tuple
        Where in the whole trees these two stand.

    Returns
    -------
    Difference or None
    """
    left, right = open_expected(expected), open_found(found)
    if isinstance(left, str) and (is_prefix or isinstance(right, str)):
        return None
    if isinstance(left, str) or isinstance(right, str) or left.kind is not right.kind:
        return Difference(path, _level_text(left), _level_text(right))
    if len(left.children) != len(right.children) or not same_data(left.data, right.data):
        return Difference(path, *_texts_of_one_kind(left, right))
    keys = left.to_keys(right.tree if left.tree is None else left.tree, left.data, len(left.children))
    for key, one, other in zip(keys, left.children, right.children):
        place = (*path, key)
        difference = find_difference(open_expected, one, open_found, other, same_data, is_prefix, place)
        if difference is not None:
            return difference
    return None


def _level_text(level: Level | str) -> str:
    if isinstance(level, str):
        return level
    if level.kind is type(None):
        return "None"
    return f"{level.kind.__name__} of {len(level.children)}"


def _texts_of_one_kind(left: Level, right: Level) -> tuple[str, str]:
    name = left.kind.__name__
    if left.kind is dict:
        mine, theirs = set(left.data) - set(right.data), set(right.data) - set(left.data)
        return f"dict with {_keys_text(mine)}", f"dict with {_keys_text(theirs)}"
    if len(left.children) != len(right.children):
        return f"{name} of {len(left.children)}", f"{name} of {len(right.children)}"
    return f"{name} with static data {left.data!r}", f"{name} with static data {right.data!r}"


def _keys_text(keys: set) -> str:
    if not keys:
        return "no such key"
    names = sorted(map(repr, keys))
    return f"{'key' if len(names) == 1 else 'keys'} {', '.join(names)}"
