"""Pytrees: nested containers of leaves, taken apart and put together again.

Every transformation works on flat lists of leaves; this file turns a user's arguments into such a list and a
``PyTreeDef`` (the structure) and back. Containers are tuples, lists, dicts (keys sorted), OrderedDicts,
defaultdicts, namedtuples, None (a container of nothing) and what is registered; everything else is a leaf.
The module is also the namespace ``jaxlite.tree``: its short names stand at the end. Layer 0: it must import
nothing of jaxlite but ``errors`` and the other ``tree_`` files. What it produces::

    >>> leaves, treedef = tree_flatten({'w': [1.0, 2.0], 'b': (3.0, None)})
    >>> leaves
    [3.0, 1.0, 2.0]
    >>> treedef
    PyTreeDef({'b': (*, None), 'w': [*, *]})
    >>> tree_unflatten(treedef, [30, 10, 20])
    {'b': (30, None), 'w': [10, 20]}

Where to read on: ``tree_def`` (structures, and how flattening is made quick), ``tree_nodes`` (registration),
``tree_paths`` (key paths and differences), ``tree_code`` (generated code).
"""

from __future__ import annotations

import dataclasses
import functools
from builtins import all as _all
from collections.abc import Callable, Iterable
from typing import Any

from jaxlite.errors import TreeError
from jaxlite.tree_def import (
    LEAF,
    NODES,
    PyTreeDef,
    equal_data,
    flatten_tree,
    flatten_until,
    flatten_up_to,
    is_true,
    kind_of,
    make_treedef,
    node_at,
    node_of,
    open_tree,
    open_treedef,
    too_deep,
)
from jaxlite.tree_nodes import (
    Partial,
    default_registry,
    flatten_one_level,
    flatten_one_level_with_keys,
    is_tree_node,
    register_dataclass,
    register_pytree_node,
    register_pytree_node_class,
    register_pytree_with_keys,
    register_pytree_with_keys_class,
    register_static,
    static,
)
from jaxlite.tree_paths import (
    DictKey,
    FlattenedIndexKey,
    GetAttrKey,
    KeyEntry,
    KeyPath,
    SequenceKey,
    find_difference,
    keystr,
    path_name,
)

__all__ = [
    "DictKey",
    "FlattenedIndexKey",
    "GetAttrKey",
    "KeyEntry",
    "KeyPath",
    "Partial",
    "PyTreeDef",
    "SequenceKey",
    "all",
    "all_leaves",
    "broadcast",
    "broadcast_prefix",
    "default_registry",
    "flatten",
    "flatten_axes",
    "flatten_one_level",
    "flatten_one_level_with_keys",
    "flatten_with_path",
    "is_tree_node",
    "keystr",
    "leaves",
    "leaves_with_path",
    "map",
    "map_with_path",
    "path_name",
    "reduce",
    "reduce_associative",
    "register_dataclass",
    "register_pytree_node",
    "register_pytree_node_class",
    "register_pytree_with_keys",
    "register_pytree_with_keys_class",
    "register_static",
    "static",
    "structure",
    "structure_difference",
    "transpose",
    "tree_all",
    "tree_broadcast",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_with_path",
    "tree_reduce",
    "tree_reduce_associative",
    "tree_structure",
    "tree_transpose",
    "tree_unflatten",
    "treedef_children",
    "treedef_is_leaf",
    "treedef_paths",
    "treedef_tuple",
    "unflatten",
]


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], PyTreeDef]:
    """Take a tree apart into its leaves and its structure.

    Parameters
    ----------
    tree : pytree
    is_leaf : callable, optional
        ``subtree -> bool``: asked at every container and leaf; where it is true the subtree counts as a leaf.

    Returns
    -------
    tuple of (list, PyTreeDef)

    Raises
    ------
    TreeError
        If the keys of a dict cannot be sorted, or a container contains itself.

    Examples
    --------
    >>> tree_flatten([1, {'b': 2, 'a': None}])
    ([1, 2], PyTreeDef([*, {'a': None, 'b': *}]))
    >>> tree_flatten([1, None], is_leaf=lambda x: x is None)
    ([1, None], PyTreeDef([*, *]))
    """
    leaves: list[Any] = []
    if is_leaf is None:
        return leaves, flatten_tree(tree, leaves)
    return leaves, flatten_until(tree, is_leaf, leaves)


def tree_unflatten(treedef: PyTreeDef, leaves: Iterable[Any]) -> Any:
    """Build the tree that has a structure and leaves.

    Parameters
    ----------
    treedef : PyTreeDef
    leaves : iterable
        One value for each leaf, in the order of ``tree_flatten``.

    Returns
    -------
    pytree

    Raises
    ------
    TreeError
        If there are too few or too many leaves.

    Examples
    --------
    >>> tree_unflatten(tree_structure([1, {'a': 2}]), 'xy')
    ['x', {'a': 'y'}]
    """
    _check_treedef(treedef, "tree_unflatten", "treedef")
    return treedef.unflatten(leaves)


def _check_treedef(treedef: Any, name: str, argument: str) -> None:
    if not isinstance(treedef, PyTreeDef):
        raise TreeError(
            f"{name}: {argument} must be a PyTreeDef, not a {type(treedef).__name__}.",
            fix=f"{argument}=jaxlite.tree.structure(tree)",
        )


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """Return the leaves of a tree.

    Parameters
    ----------
    tree : pytree
    is_leaf : callable, optional
        As in ``tree_flatten``.

    Returns
    -------
    list

    Examples
    --------
    >>> tree_leaves({'b': 1, 'a': (2, None)})
    [2, 1]
    """
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> PyTreeDef:
    """Return the structure of a tree.

    Parameters
    ----------
    tree : pytree
    is_leaf : callable, optional
        As in ``tree_flatten``.

    Returns
    -------
    PyTreeDef

    Examples
    --------
    >>> tree_structure((1, [2, 3]))
    PyTreeDef((*, [*, *]))
    """
    return tree_flatten(tree, is_leaf)[1]


def tree_map(
    f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """Apply a function to every leaf.

    Parameters
    ----------
    f : callable
        Takes a leaf of `tree` and what stands at its place in each tree of `rest`.
    tree : pytree
    *rest : pytree
        Trees with the structure of `tree`; where `tree` has a leaf they may have anything.
    is_leaf : callable, optional
        As in ``tree_flatten``, for `tree`.

    Returns
    -------
    pytree
        A tree with the structure of `tree`.

    Raises
    ------
    TreeError
        If the structures do not match (names the place).

    Examples
    --------
    >>> tree_map(lambda x, y: x + y, {'a': 1, 'b': [2]}, {'a': 10, 'b': [20]})
    {'a': 11, 'b': [22]}
    """
    leaves, treedef = tree_flatten(tree, is_leaf)
    if not rest:
        return treedef.unflatten([f(leaf) for leaf in leaves])
    columns = _columns(treedef, rest, "tree_map")
    return treedef.unflatten([f(*values) for values in zip(leaves, *columns)])


def _columns(treedef: PyTreeDef, rest: tuple, name: str) -> list[list[Any]]:
    return [flatten_up_to(treedef, tree, name, f"rest[{i}]") for i, tree in enumerate(rest)]


def tree_reduce(
    function: Callable[[Any, Any], Any],
    tree: Any,
    initializer: Any = dataclasses.MISSING,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """Combine the leaves from left to right.

    Parameters
    ----------
    function : callable
        ``(so far, leaf) -> so far``.
    tree : pytree
    initializer : optional
        What to start from; the first leaf when omitted.
    is_leaf : callable, optional
        As in ``tree_flatten``.

    Returns
    -------
    The last value.

    Raises
    ------
    TreeError
        If there are no leaves and no `initializer`.

    Examples
    --------
    >>> tree_reduce(lambda total, x: total + x, {'a': 1, 'b': (2, 3)})
    6
    """
    leaves = tree_leaves(tree, is_leaf)
    if initializer is not dataclasses.MISSING:
        return functools.reduce(function, leaves, initializer)
    _check_not_empty(leaves, "tree_reduce", "initializer")
    return functools.reduce(function, leaves)


def _check_not_empty(leaves: list, name: str, argument: str) -> None:
    if not leaves:
        raise TreeError(f"{name}: the tree has no leaves.", fix=f"pass {argument}= to say what they come to.")


def tree_reduce_associative(
    operation: Callable[[Any, Any], Any],
    tree: Any,
    *,
    identity: Any = dataclasses.MISSING,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """Combine the leaves in pairs, pairs of pairs and so on: a tree of depth log2(number of leaves).

    Parameters
    ----------
    operation : callable
        An associative function of two values.
    tree : pytree
    identity : optional
        The result for a tree without leaves.
    is_leaf : callable, optional
        As in ``tree_flatten``.

    Returns
    -------
    The combined value.

    Raises
    ------
    TreeError
        If there are no leaves and no `identity`.

    Examples
    --------
    >>> tree_reduce_associative(lambda a, b: f'({a}{b})', list('abcde'))
    '((ab)(c(de)))'
    """
    leaves = tree_leaves(tree, is_leaf)
    if not leaves and identity is not dataclasses.MISSING:
        return identity
    _check_not_empty(leaves, "tree_reduce_associative", "identity")
    return _reduce_halves(operation, leaves)


def _reduce_halves(operation: Callable, values: list) -> Any:
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    return operation(_reduce_halves(operation, values[:middle]), _reduce_halves(operation, values[middle:]))


def tree_all(tree: Any, *, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Say whether all leaves are true.

    Parameters
    ----------
    tree : pytree
    is_leaf : callable, optional
        As in ``tree_flatten``.

    Returns
    -------
    bool

    Examples
    --------
    >>> tree_all({'a': True, 'b': [1, None]})
    True
    """
    return _all(tree_leaves(tree, is_leaf))


def all_leaves(iterable: Iterable[Any], is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Say whether no item of an iterable is a container.

    Parameters
    ----------
    iterable : iterable
    is_leaf : callable, optional
        As in ``tree_flatten``.

    Returns
    -------
    bool

    Examples
    --------
    >>> all_leaves([1, 2.0]), all_leaves([1, (2.0,)]), all_leaves([None])
    (True, False, False)
    """
    if is_leaf is None:
        return not any(node_of(type(item)) for item in iterable)
    return _all(tree_structure(item, is_leaf) is LEAF for item in iterable)


def tree_transpose(
    outer_treedef: PyTreeDef, inner_treedef: PyTreeDef | None, pytree_to_transpose: Any
) -> Any:
    """Turn a tree of trees inside out.

    Parameters
    ----------
    outer_treedef : PyTreeDef
        The structure outside.
    inner_treedef : PyTreeDef or None
        The structure that stands at every leaf of it; None: look.
    pytree_to_transpose : pytree
        A tree with the structure ``outer_treedef.compose(inner_treedef)``.

    Returns
    -------
    pytree
        A tree with the structure ``inner_treedef.compose(outer_treedef)``.

    Raises
    ------
    TreeError
        If the tree has another structure.

    Examples
    --------
    >>> outer, inner = tree_structure([0, 0]), tree_structure({'a': 0, 'b': 0})
    >>> tree_transpose(outer, inner, [{'a': 1, 'b': 2}, {'a': 3, 'b': 4}])
    {'a': [1, 3], 'b': [2, 4]}
    """
    _check_treedef(outer_treedef, "tree_transpose", "outer_treedef")
    rows = flatten_up_to(outer_treedef, pytree_to_transpose, "tree_transpose", "tree")
    if inner_treedef is None:
        if not rows:
            raise TreeError("tree_transpose: outer_treedef has no leaves.", fix="pass inner_treedef.")
        inner_treedef = tree_structure(rows[0])
    _check_treedef(inner_treedef, "tree_transpose", "inner_treedef")
    leaves, treedef = tree_flatten(pytree_to_transpose)
    difference = structure_difference(outer_treedef.compose(inner_treedef), treedef)
    if difference:
        raise TreeError(
            f"tree_transpose: the structures differ at {difference}.",
            why="every leaf of outer_treedef must hold a tree of the structure inner_treedef.",
        )
    width = inner_treedef.num_leaves
    columns = [outer_treedef.unflatten(leaves[i::width]) for i in range(width)]
    return inner_treedef.unflatten(columns)


def tree_broadcast(prefix_tree: Any, full_tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """Copy the leaves of a prefix to all the leaves below them.

    Parameters
    ----------
    prefix_tree : pytree
        A tree that starts like `full_tree` and may stop earlier.
    full_tree : pytree
    is_leaf : callable, optional
        As in ``tree_flatten``, for `prefix_tree`.

    Returns
    -------
    pytree
        A tree with the structure of `full_tree`.

    Raises
    ------
    TreeError
        If `prefix_tree` is not a prefix (names the place).

    Examples
    --------
    >>> tree_broadcast((1, 2), (0, {'a': 0, 'b': 0}))
    (1, {'a': 2, 'b': 2})
    """
    return tree_structure(full_tree).unflatten(broadcast_prefix(prefix_tree, full_tree, is_leaf))


def treedef_children(treedef: PyTreeDef) -> list[PyTreeDef]:
    """Return the structures of the children of the outermost container.

    Parameters
    ----------
    treedef : PyTreeDef

    Returns
    -------
    list of PyTreeDef

    Examples
    --------
    >>> treedef_children(tree_structure((0, [0])))
    [PyTreeDef(*), PyTreeDef([*])]
    """
    return treedef.children()


def treedef_is_leaf(treedef: PyTreeDef) -> bool:
    """Say whether a structure is one node: a leaf or, as in JAX, an empty container.

    Parameters
    ----------
    treedef : PyTreeDef

    Returns
    -------
    bool
    """
    return treedef.num_nodes == 1


def treedef_tuple(treedefs: Iterable[PyTreeDef]) -> PyTreeDef:
    """Return the structure of a tuple of trees.

    Parameters
    ----------
    treedefs : iterable of PyTreeDef

    Returns
    -------
    PyTreeDef

    Examples
    --------
    >>> treedef_tuple([tree_structure(0), tree_structure([0])])
    PyTreeDef((*, [*]))
    """
    return make_treedef(NODES[tuple], None, list(treedefs))


# ------------------------------------------------------------------------------------------------ with paths


def tree_flatten_with_path(
    tree: Any, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> tuple[list[tuple[KeyPath, Any]], PyTreeDef]:
    """Take a tree apart into its leaves, each with its key path, and its structure.

    Parameters
    ----------
    tree : pytree
    is_leaf : callable, optional
        As in ``tree_flatten``.
    is_leaf_takes_path : bool
        Call ``is_leaf(path, subtree)`` instead of ``is_leaf(subtree)``.

    Returns
    -------
    tuple of (list of (path, leaf), PyTreeDef)

    Examples
    --------
    >>> tree_flatten_with_path({'a': [5]})
    ([((DictKey(key='a'), SequenceKey(idx=0)), 5)], PyTreeDef({'a': [*]}))
    """
    stops = None
    if is_leaf is not None:
        stops = is_leaf if is_leaf_takes_path else lambda path, subtree: is_leaf(subtree)
    leaves: list[tuple[KeyPath, Any]] = []
    try:
        return leaves, _flatten_with_path(tree, (), stops, leaves)
    except RecursionError as error:
        raise too_deep("tree_flatten_with_path") from error


def _flatten_with_path(tree: Any, path: tuple, stops: Callable | None, leaves: list) -> PyTreeDef:
    node = None if stops is not None and is_true(stops(path, tree)) else node_of(type(tree))
    if node is None:
        leaves.append((path, tree))
        return LEAF
    children, data = node.to_children(tree)
    keys = node.to_keys(tree, data, len(children))
    treedefs = [_flatten_with_path(child, (*path, key), stops, leaves) for key, child in zip(keys, children)]
    return make_treedef(node, data, treedefs)


def tree_leaves_with_path(
    tree: Any, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> list[tuple[KeyPath, Any]]:
    """Return the leaves of a tree, each with its key path.

    Parameters
    ----------
    tree : pytree
    is_leaf : callable, optional
        As in ``tree_flatten``.
    is_leaf_takes_path : bool
        Call ``is_leaf(path, subtree)`` instead of ``is_leaf(subtree)``.

    Returns
    -------
    list of (path, leaf)

    Examples
    --------
    >>> tree_leaves_with_path([5])
    [((SequenceKey(idx=0),), 5)]
    """
    return tree_flatten_with_path(tree, is_leaf, is_leaf_takes_path)[0]


def tree_map_with_path(
    f: Callable[..., Any],
    tree: Any,
    *rest: Any,
    is_leaf: Callable[..., bool] | None = None,
    is_leaf_takes_path: bool = False,
) -> Any:
    """Apply a function to every leaf and its key path.

    Parameters
    ----------
    f : callable
        Takes a key path, a leaf of `tree`, and what stands at its place in each tree of `rest`.
    tree : pytree
    *rest : pytree
        As in ``tree_map``.
    is_leaf : callable, optional
        As in ``tree_flatten``.
    is_leaf_takes_path : bool
        Call ``is_leaf(path, subtree)`` instead of ``is_leaf(subtree)``.

    Returns
    -------
    pytree
        A tree with the structure of `tree`.

    Raises
    ------
    TreeError
        If the structures do not match (names the place).

    Examples
    --------
    >>> tree_map_with_path(lambda path, x: keystr(path) + str(x), {'a': [5, 6]})
    {'a': ["['a'][0]5", "['a'][1]6"]}
    """
    leaves, treedef = tree_flatten_with_path(tree, is_leaf, is_leaf_takes_path)
    columns = _columns(treedef, rest, "tree_map_with_path")
    return treedef.unflatten([f(path, leaf, *others) for (path, leaf), *others in zip(leaves, *columns)])


def treedef_paths(treedef: PyTreeDef) -> list[KeyPath]:
    """Return the key path of every leaf of a structure.

    Parameters
    ----------
    treedef : PyTreeDef

    Returns
    -------
    list of tuple
        Children of registered nodes are numbered unless the class is a registered dataclass.

    Examples
    --------
    >>> [keystr(path) for path in treedef_paths(tree_structure({'a': [0, 0]}))]
    ["['a'][0]", "['a'][1]"]
    """
    node = treedef._node
    if node is None:
        return [()]
    keys = node.to_keys(None, treedef._data, len(treedef._children))
    return [(key, *rest) for key, child in zip(keys, treedef._children) for rest in treedef_paths(child)]


def broadcast_prefix(
    prefix_tree: Any, full_tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> list[Any]:
    """Return, for every leaf of a tree, the leaf of a prefix that stands above it.

    Parameters
    ----------
    prefix_tree : pytree
        A tree that starts like `full_tree` and may stop earlier.
    full_tree : pytree
    is_leaf : callable, optional
        As in ``tree_flatten``, for `prefix_tree`.

    Returns
    -------
    list
        One entry for each leaf of `full_tree`.

    Raises
    ------
    TreeError
        If `prefix_tree` is not a prefix (names the place).

    Examples
    --------
    >>> broadcast_prefix((1, [2, 3]), (0, [0, {'a': 0, 'b': 0}]))
    [1, 2, 3, 3]
    """
    full_treedef = tree_structure(full_tree)
    values: list[Any] = []
    if _spread(prefix_tree, full_treedef, is_leaf, values):
        return values
    open_prefix = functools.partial(open_tree, is_leaf=is_leaf)
    difference = find_difference(open_prefix, prefix_tree, open_tree, full_tree, equal_data, is_prefix=True)
    raise TreeError(
        f"broadcast_prefix: not a prefix of the tree, at {difference.describe('prefix_tree')}.",
        why="a prefix has the containers of the tree, and may have one leaf in the place of a whole subtree.",
    )


def flatten_axes(name: str, treedef: PyTreeDef, axis_tree: Any) -> list[Any]:
    """Return one entry of a tree of axes for every leaf of a structure.

    Parameters
    ----------
    name : str
        What the axes are, for the error: ``'vmap in_axes'``.
    treedef : PyTreeDef
        The structure of the values.
    axis_tree : pytree
        A prefix of that structure; None is a value in it, not an empty container.

    Returns
    -------
    list
        One entry for each leaf of `treedef`.

    Raises
    ------
    TreeError
        If `axis_tree` is not a prefix (names the place).

    Examples
    --------
    >>> flatten_axes('vmap in_axes', tree_structure((0, {'a': 0, 'b': 0})), (0, None))
    [0, None, None]
    """
    axes: list[Any] = []
    if _spread(axis_tree, treedef, _is_none, axes):
        return axes
    open_axes = functools.partial(open_tree, is_leaf=_is_none)
    difference = find_difference(open_axes, axis_tree, open_treedef, treedef, equal_data, is_prefix=True)
    raise TreeError(
        f"{name}: not a prefix of the values, at {difference.describe(name.split()[-1])}.",
        details=[f"values: {treedef}"],
        why=f"{name} has the containers of the values, and may have one entry for a whole subtree.",
    )


def _is_none(value: Any) -> bool:
    return value is None


def _spread(prefix: Any, treedef: PyTreeDef, is_leaf: Callable | None, values: list) -> bool:
    """Append the value of the prefix for every leaf of the structure; False when they do not match."""
    node = node_at(prefix, is_leaf)
    if node is None:
        values += [prefix] * treedef._num_leaves
        return True
    if node.kind is not kind_of(treedef):
        return False
    children, data = node.to_children(prefix)
    if len(children) != len(treedef._children) or not equal_data(data, treedef._data):
        return False
    for child, structure in zip(children, treedef._children):  # noqa: SIM110 (``all`` is tree_all here)
        if not _spread(child, structure, is_leaf, values):
            return False
    return True


def structure_difference(expected: PyTreeDef, found: PyTreeDef, root: str = "tree") -> str | None:
    """Say where two structures differ first; None when they are equal.

    Parameters
    ----------
    expected, found : PyTreeDef
    root : str
        The name of the whole tree.

    Returns
    -------
    str or None
        ``"carry[0]['w']: tuple of 2 against list of 3"``, the expected one first.

    Examples
    --------
    >>> structure_difference(tree_structure({'w': (0, 0)}), tree_structure({'w': [0, 0, 0]}), 'params')
    "params['w']: tuple of 2 against list of 3"
    """
    if expected == found:
        return None
    difference = find_difference(open_treedef, expected, open_treedef, found, equal_data, is_prefix=False)
    return difference.describe(root)


# The namespace ``jaxlite.tree``. From here on ``map`` and ``all`` are not Python's in this file.
all = tree_all
broadcast = tree_broadcast
flatten = tree_flatten
flatten_with_path = tree_flatten_with_path
leaves = tree_leaves
leaves_with_path = tree_leaves_with_path
map = tree_map
map_with_path = tree_map_with_path
reduce = tree_reduce
reduce_associative = tree_reduce_associative
structure = tree_structure
transpose = tree_transpose
unflatten = tree_unflatten
