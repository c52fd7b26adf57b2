"""The structure of a tree (``PyTreeDef``), the kinds of containers, and the quick way to take a tree apart.

``flatten_tree(tree, leaves) -> treedef`` stands on the path of every call, so what was seen is remembered: a
structure met before is the same object again (comparing two costs one ``is``), and one met often gets code of
its own (``tree_code``). Users register further kinds of containers through ``tree_nodes``. Layer 0: it must
import nothing of jaxlite but ``errors``, ``tree_code`` and ``tree_paths``. What it produces, for
``{'w': [1.0, 2.0], 'b': (3.0, None)}``::

    leaves   [3.0, 1.0, 2.0]
    treedef  PyTreeDef({'b': (*, None), 'w': [*, *]})
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from itertools import islice
from operator import is_, itemgetter
from types import FunctionType
from typing import Any

import numpy as np

from jaxlite.errors import TreeError
from jaxlite.tree_code import (
    compile_source,
    flatten_source,
    has_plain_keys,
    is_worth_compiling,
    unflatten_source,
)
from jaxlite.tree_paths import (
    DictKey,
    FlattenedIndexKey,
    GetAttrKey,
    Level,
    SequenceKey,
    find_difference,
)

HOW_TO_REGISTER = (
    "register the type: jaxlite.tree_util.register_dataclass(cls), or "
    "register_pytree_node(cls, flatten, unflatten)."
)

# Tables are only memories, so a full one is emptied; long containers are not remembered at all.
_MAX_ENTRIES = 1024
_MAX_CHILDREN = 256


class NodeType:
    """How containers of one type come apart and together.

    ``to_children(tree) -> (children, data)`` and ``from_children(data, children) -> tree``, where `data` is
    what is static in the container; ``to_keys(tree, data, num_children)`` names the children (`tree` may be
    None where only the structure is at hand). ``is_sequence`` marks types that iterate over their children
    and have no data. ``fields`` names the data fields and the meta fields of a dataclass (its data is the
    tuple of the meta fields' values).
    """

    __slots__ = (
        "fields",
        "from_children",
        "is_sequence",
        "kind",
        "shapes",
        "to_children",
        "to_keys",
        "treedefs",
    )

    def __init__(
        self,
        kind: type,
        to_children: Callable[[Any], tuple[Sequence, Any]],
        from_children: Callable[[Any, Sequence], Any],
        to_keys: Callable[[Any, Any, int], Sequence],
        is_sequence: bool = False,
        fields: tuple[tuple[str, ...], tuple[str, ...]] | None = None,
    ):
        self.kind = kind
        self.to_children = to_children
        self.from_children = from_children
        self.to_keys = to_keys
        self.is_sequence = is_sequence
        self.fields = fields
        self.shapes: dict[tuple, _Shape] = {}
        # Keyed by the identities of data and children, see make_treedef.
        self.treedefs: dict[tuple[int, ...], PyTreeDef] = {}

    def __repr__(self) -> str:
        return f"NodeType({self.kind.__name__})"


# type -> its NodeType, for types of containers
NODES: dict[type, NodeType] = {}
# type -> function (tree, leaves) -> treedef that appends the leaves; None for a type known to be a leaf
_FLATTENERS: dict[type, Callable[[Any, list], PyTreeDef] | None] = {}
# the types known to be leaves; generated code looks into it
_LEAF_TYPES: set[type] = set()


def is_namedtuple_type(kind: type) -> bool:
    """Say whether a class is a namedtuple, made by ``collections`` or by ``typing``."""
    return issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple)


def node_of(kind: type) -> NodeType | None:
    """Return how containers of this type come apart; None for a leaf."""
    _flattener_of(kind)
    return NODES.get(kind)


def _flattener_of(kind: type) -> Callable | None:
    if kind not in _FLATTENERS:
        if is_namedtuple_type(kind):
            add_node(_namedtuple_node(kind))
        else:
            _FLATTENERS[kind] = None
            _LEAF_TYPES.add(kind)
    return _FLATTENERS[kind]


def add_node(node: NodeType) -> None:
    """Make a type one of containers."""
    was_known = node.kind in _FLATTENERS
    _LEAF_TYPES.discard(node.kind)
    NODES[node.kind] = node
    if node.kind is dict:
        flattener = _flatten_dict
    elif node.kind is type(None):
        flattener = _none_flattener(node)
    elif node.is_sequence:
        flattener = _sequence_flattener(node)
    else:
        flattener = _general_flattener(node)
    _FLATTENERS[node.kind] = flattener
    if was_known:
        # What was remembered took this type for a leaf, or for a plain namedtuple.
        _DICT_PLANS.clear()
        for known in NODES.values():
            known.shapes.clear()
            known.treedefs.clear()


# -------------------------------------------------------------------------------------------------- structure


class PyTreeDef:
    """The structure of a pytree: its containers, with a ``*`` for every leaf.

    Immutable, hashable, compared by structure. Made by ``tree_flatten`` and ``tree_structure``.

    Examples
    --------
    >>> from jaxlite import tree
    >>> treedef = tree.structure({'a': [1, (2, None)], 'b': {}})
    >>> treedef
    PyTreeDef({'a': [*, (*, None)], 'b': {}})
    >>> treedef.num_leaves, treedef.num_nodes
    (2, 7)
    >>> treedef == tree.structure({'b': {}, 'a': [3, (4, None)]})
    True
    """

    __slots__ = (
        "_build",
        "_children",
        "_data",
        "_exact",
        "_hash",
        "_is_shared",
        "_node",
        "_num_leaves",
        "_num_nodes",
        "_prefix",
        "_uses",
    )

    def __init__(self, node: NodeType | None, data: Any, children: tuple[PyTreeDef, ...]):
        self._node = node
        self._data = data
        self._children = children
        self._num_leaves = 1 if node is None else sum([child._num_leaves for child in children])
        self._num_nodes = 1 + sum([child._num_nodes for child in children])
        self._hash: int | None = None
        # whether make_treedef gives this object again for the same parts
        self._is_shared = node is None
        self._uses = 0
        # Functions of generated code, made after _USES_BEFORE_CODE uses; False where there will be none.
        self._exact: Callable | None | bool = None
        self._prefix: Callable | None | bool = None
        self._build: Callable | None | bool = None

    @property
    def num_leaves(self) -> int:
        """Number of leaves."""
        return self._num_leaves

    @property
    def num_nodes(self) -> int:
        """Number of containers and leaves."""
        return self._num_nodes

    def node_data(self) -> tuple[type, Any] | None:
        """Type and static data of the outermost container; None for a leaf."""
        if self._node is None:
            return None
        data = list(self._data) if self._node.kind is dict else self._data
        return self._node.kind, data

    def children(self) -> list[PyTreeDef]:
        """Structures of the children of the outermost container."""
        return list(self._children)

    @staticmethod
    def from_node_data_and_children(
        registry: Any, node_data: tuple[type, Any] | None, children: Iterable[PyTreeDef]
    ) -> PyTreeDef:
        """Make a structure of a container's type, its static data and the structures of its children.

        The inverse of ``node_data`` and ``children``. There is one registry, so `registry` is not looked at.
        """
        if node_data is None:
            return LEAF
        kind, data = node_data
        node = node_of(kind)
        if node is None:
            raise TreeError(f"PyTreeDef: {kind.__name__} is not a type of containers.", fix=HOW_TO_REGISTER)
        return make_treedef(node, tuple(data) if kind is dict else data, list(children))

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """Build the tree that has this structure and these leaves.

        Parameters
        ----------
        leaves : iterable
            One value for each leaf, in the order of ``tree_flatten``.

        Returns
        -------
        pytree

        Raises
        ------
        TreeError
            If there are too few or too many leaves.
        """
        if type(leaves) is not list:
            leaves = list(leaves)
        if len(leaves) != self._num_leaves:
            raise TreeError(
                f"tree_unflatten: the structure has {self._num_leaves} leaves, but {len(leaves)} were given.",
                details=[f"structure: {self}"],
            )
        if self._build:
            return self._build(leaves)
        self._warm("_build")
        return _build_tree(self, iter(leaves))

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """Take a tree apart as far as this structure goes.

        Parameters
        ----------
        tree : pytree
            A tree that starts with this structure; where this has a leaf it may have anything.

        Returns
        -------
        list
            The subtrees that stand at the leaves of this structure.

        Raises
        ------
        TreeError
            If the tree does not start with this structure.

        Examples
        --------
        >>> from jaxlite import tree
        >>> tree.structure([0, (0,)]).flatten_up_to([{'a': 1}, ([2, 3],)])
        [{'a': 1}, [2, 3]]
        """
        return flatten_up_to(self, tree, "flatten_up_to", "tree")

    def flatten_exactly(self, tree: Any) -> list[Any] | None:
        """Return the leaves of a tree if it has exactly this structure, else None.

        The quick way to ask whether a call looks like the one before.

        Examples
        --------
        >>> from jaxlite import tree
        >>> treedef = tree.structure((0, [0]))
        >>> treedef.flatten_exactly((1, [2])), treedef.flatten_exactly((1, [(2, 3)]))
        ([1, 2], None)
        """
        if self._exact:
            leaves = self._exact(tree)
            if leaves is not None:
                return leaves
        else:
            self._warm("_exact")
        leaves = []
        return leaves if flatten_tree(tree, leaves) == self else None

    def compose(self, inner: PyTreeDef) -> PyTreeDef:
        """Put another structure in the place of every leaf.

        Examples
        --------
        >>> from jaxlite import tree
        >>> tree.structure([0, 0]).compose(tree.structure({'a': 0}))
        PyTreeDef([{'a': *}, {'a': *}])
        """
        if self._node is None:
            return inner
        return make_treedef(self._node, self._data, [child.compose(inner) for child in self._children])

    def to_python(self) -> str:
        """Return the Python code that takes such trees apart and builds them."""
        flatten, _ = flatten_source(self, _identical_data, _LEAF_TYPES)
        unflatten, _ = unflatten_source(self)
        return f"{flatten}\n{unflatten}"

    def _warm(self, slot: str) -> None:
        """Count a use that had no code of its own, and make the code when there were enough."""
        self._uses += 1
        if self._uses < _USES_BEFORE_CODE or getattr(self, slot) is not None:
            return
        try:
            setattr(self, slot, is_worth_compiling(self) and _CODE[slot](self))
        except RecursionError:
            # The user's own stack is nearly full: a later use will do.
            return

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, PyTreeDef):
            return NotImplemented
        if self._num_nodes != other._num_nodes or hash(self) != hash(other):
            return False
        return (
            kind_of(self) is kind_of(other)
            and len(self._children) == len(other._children)
            and equal_data(self._data, other._data)
            and self._children == other._children
        )

    def __hash__(self) -> int:
        if self._hash is None:
            try:
                data_hash = hash(self._data)
            except TypeError:
                data_hash = 0
            self._hash = hash((kind_of(self), data_hash, self._children))
        return self._hash

    def __repr__(self) -> str:
        return f"PyTreeDef({_text(self)})"

    def __reduce__(self):
        return PyTreeDef.from_node_data_and_children, (None, self.node_data(), self._children)

    def __copy__(self) -> PyTreeDef:
        return self

    def __deepcopy__(self, memo: dict) -> PyTreeDef:
        return self


LEAF = PyTreeDef(None, None, ())


def kind_of(treedef: PyTreeDef) -> type | None:
    """Return the type of the outermost container; None for a leaf."""
    return None if treedef._node is None else treedef._node.kind


def _exact_code(treedef: PyTreeDef) -> Callable | bool:
    return has_plain_keys(treedef) and compile_source(*flatten_source(treedef, _identical_data, _LEAF_TYPES))


def _prefix_code(treedef: PyTreeDef) -> Callable:
    return compile_source(*flatten_source(treedef, equal_data, None))


def _build_code(treedef: PyTreeDef) -> Callable:
    return compile_source(*unflatten_source(treedef))


_CODE = {"_exact": _exact_code, "_prefix": _prefix_code, "_build": _build_code}
_USES_BEFORE_CODE = 16

_NO_TUPLE = object()


def make_treedef(node: NodeType, data: Any, children: list[PyTreeDef]) -> PyTreeDef:
    """Return the structure with this data and these children: the one made before, if there is one.

    Identity decides, not equality: ``1``, ``True`` and ``1.0`` are equal, but a tree must come back with the
    static data that it had. The ids in a key stay valid because the treedef behind it holds their objects;
    so nothing is remembered whose data may hold arrays.
    """
    parts = data if type(data) is tuple else (_NO_TUPLE, data)
    key = (len(children), *map(id, parts), *map(id, children))
    treedef = node.treedefs.get(key)
    if treedef is None:
        treedef = PyTreeDef(node, data, tuple(children))
        are_shared = len(children) <= _MAX_CHILDREN and all(child._is_shared for child in children)
        if are_shared and _is_light(data):
            treedef._is_shared = True
            _remember(node.treedefs, key, treedef)
    return treedef


_LIGHT_TYPES = (
    *(type(None), int, float, complex, str, bytes, type, Enum),
    *(np.ufunc, np.dtype, np.generic),
)


def _is_light(data: Any) -> bool:
    """Say whether static data may be kept alive: it certainly holds no arrays."""
    if type(data) is tuple:
        return all(map(_is_light, data))
    if type(data) is FunctionType:
        return not (data.__closure__ or data.__defaults__ or data.__kwdefaults__ or data.__dict__)
    return isinstance(data, _LIGHT_TYPES)


def _remember(table: dict, key: Any, value: Any) -> None:
    if len(table) >= _MAX_ENTRIES:
        table.clear()
    table[key] = value


def _identical_data(left: Any, right: Any) -> bool:
    if left is right:
        return True
    both_tuples = type(left) is tuple and type(right) is tuple and len(left) == len(right)
    return both_tuples and all(map(is_, left, right))


def equal_data(left: Any, right: Any) -> bool:
    """Say whether static data of two containers are equal."""
    if left is right:
        return True
    try:
        return bool(left == right)
    except Exception as error:
        raise TreeError(
            f"static data of type {type(left).__name__} of a registered pytree node cannot be compared.",
            why=f"comparing it raised {type(error).__name__}: {error}",
            fix="arrays belong among the children; static data must be comparable with ==.",
        ) from error


def _text(treedef: PyTreeDef) -> str:
    if treedef._node is None:
        return "*"
    kind, data = treedef._node.kind, treedef._data
    children = [_text(child) for child in treedef._children]
    listed = ", ".join(children)
    if kind is type(None):
        return "None"
    if kind is tuple:
        return f"({listed},)" if len(children) == 1 else f"({listed})"
    if kind is list:
        return f"[{listed}]"
    if kind is dict:
        return "{" + ", ".join(f"{key!r}: {child}" for key, child in zip(data, children)) + "}"
    if treedef._node.is_sequence:
        return f"CustomNode(namedtuple[{kind.__name__}], [{listed}])"
    return f"CustomNode({kind.__name__}[{data}], [{listed}])"


def _build_tree(treedef: PyTreeDef, leaves: Iterator) -> Any:
    node = treedef._node
    if node is None:
        return next(leaves)
    build = _build_part if treedef._build is False else _build_tree
    return node.from_children(treedef._data, tuple([build(child, leaves) for child in treedef._children]))


def _build_part(treedef: PyTreeDef, leaves: Iterator) -> Any:
    """Build a part of a tree that is too large for code of its own: perhaps the part has some."""
    if treedef._node is None:
        return next(leaves)
    if treedef._build:
        return treedef._build([*islice(leaves, treedef._num_leaves)])
    treedef._warm("_build")
    return _build_tree(treedef, leaves)


def flatten_up_to(treedef: PyTreeDef, tree: Any, name: str, root: str) -> list[Any]:
    """Do what ``PyTreeDef.flatten_up_to`` does; `name` and `root` stand in the error."""
    subtrees: list[Any] = []
    if not _match_prefix(treedef, tree, subtrees):
        difference = find_difference(open_treedef, treedef, open_tree, tree, equal_data, is_prefix=True)
        raise TreeError(
            f"{name}: the structures differ at {difference.describe(root)}.",
            why="containers must agree in type, length and keys; only at a leaf of the expected structure "
            "may there be anything.",
            fix="is_leaf=lambda x: x is None makes None a leaf." if difference.expected == "None" else "",
        )
    return subtrees


def _match_prefix(treedef: PyTreeDef, tree: Any, subtrees: list) -> bool:
    """Append what stands at the leaves of the structure; False when the tree has another one."""
    if treedef._prefix:
        found = treedef._prefix(tree)
        if found is not None:
            subtrees += found
        return found is not None
    treedef._warm("_prefix")
    return _match_children(treedef, tree, subtrees)


def _match_children(treedef: PyTreeDef, tree: Any, subtrees: list) -> bool:
    node = treedef._node
    if node is None:
        subtrees.append(tree)
        return True
    if type(tree) is not node.kind:
        return False
    children, data = node.to_children(tree)
    if len(children) != len(treedef._children) or not equal_data(treedef._data, data):
        return False
    # A tree that is too large for code of its own may have parts that are not.
    match = _match_prefix if treedef._prefix is False else _match_children
    return all(match(child, subtree, subtrees) for child, subtree in zip(treedef._children, children))


def open_treedef(treedef: PyTreeDef) -> Level | str:
    """Describe the outermost container of a structure, for ``find_difference``."""
    node = treedef._node
    if node is None:
        return "a leaf"
    return Level(node.kind, treedef._data, treedef._children, node.to_keys, None)


def open_tree(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Level | str:
    """Describe the outermost container of a tree, for ``find_difference``."""
    node = node_at(tree, is_leaf)
    if node is None:
        return f"a leaf of type {type(tree).__name__}"
    children, data = node.to_children(tree)
    return Level(node.kind, data, children, node.to_keys, tree)


def node_at(tree: Any, is_leaf: Callable[[Any], bool] | None) -> NodeType | None:
    """Return how a tree comes apart; None for a leaf, or what `is_leaf` calls one."""
    if is_leaf is not None and is_true(is_leaf(tree)):
        return None
    return node_of(type(tree))


def is_true(answer: Any) -> bool:
    """Return the answer of a user's ``is_leaf`` as a bool."""
    if answer is None or isinstance(answer, (bool, np.bool_, int)):
        return bool(answer)
    raise TreeError(
        f"is_leaf returned a {type(answer).__name__}, not True or False.",
        why="it is called with containers and with leaves; == on an array compares element by element.",
        fix="is_leaf=lambda x: isinstance(x, MyType), or lambda x: x is value.",
    )


# ------------------------------------------------------------------------------------------------- flattening


def flatten_tree(tree: Any, leaves: list) -> PyTreeDef:
    """Append the leaves of a tree to a list and return its structure."""
    flatten = _FLATTENERS.get(type(tree), _flatten_unknown)
    if flatten is None:
        leaves.append(tree)
        return LEAF
    try:
        return flatten(tree, leaves)
    except RecursionError as error:
        raise too_deep("tree_flatten") from error


def flatten_until(tree: Any, is_leaf: Callable[[Any], bool] | None, leaves: list) -> PyTreeDef:
    """Do what ``flatten_tree`` does, but ask `is_leaf` at every container and leaf."""
    if is_leaf is None:
        return flatten_tree(tree, leaves)
    try:
        return _flatten_until(tree, is_leaf, leaves)
    except RecursionError as error:
        raise too_deep("tree_flatten") from error


def _flatten_until(tree: Any, is_leaf: Callable[[Any], bool], leaves: list) -> PyTreeDef:
    node = node_at(tree, is_leaf)
    if node is None:
        leaves.append(tree)
        return LEAF
    children, data = node.to_children(tree)
    return make_treedef(node, data, [_flatten_until(child, is_leaf, leaves) for child in children])


def too_deep(name: str) -> TreeError:
    """Return the error for a tree that Python's stack cannot hold."""
    return TreeError(
        f"{name}: the tree is nested too deeply.",
        why="a container contains itself, or there are more levels than Python's recursion limit allows.",
    )


class _Shape:
    """What is remembered of containers of one kind (of dicts: with one set of keys) and types of children."""

    __slots__ = ("data", "flatteners", "guess", "misses", "node", "treedef", "treedefs")

    def __init__(self, node: NodeType, data: Any, types: tuple[type, ...]):
        self.node = node
        self.data = data
        self.flatteners = [_flattener_of(kind) for kind in types]
        is_flat = not any(self.flatteners)
        # the whole structure when all children are leaves
        self.treedef = make_treedef(node, data, [LEAF] * len(types)) if is_flat else None
        # else: identities of the structures of the children that are containers -> structure
        self.treedefs: dict[tuple[int, ...], PyTreeDef] = {}
        # a structure with code of its own that the next container of this shape probably has, too
        self.guess: PyTreeDef | None = None
        self.misses = 0

    def treedef_over(self, nodes: list[PyTreeDef]) -> PyTreeDef:
        key = tuple(map(id, nodes))
        treedef = self.treedefs.get(key)
        if treedef is None:
            rest = iter(nodes)
            children = [LEAF if flatten is None else next(rest) for flatten in self.flatteners]
            treedef = make_treedef(self.node, self.data, children)
            if treedef._is_shared:
                _remember(self.treedefs, key, treedef)
        elif self.guess is None:
            treedef._warm("_exact")
            if treedef._exact:
                self.guess = treedef
        return treedef

    def count_miss(self) -> None:
        # Structures change over time: a guess that fails too often makes room for another.
        self.misses += 1
        if self.misses >= 16:
            self.guess, self.misses = None, 0


def _flatten_mixed(shape: _Shape, tree: Any, children: Sequence, leaves: list) -> PyTreeDef:
    guess = shape.guess
    if guess is not None:
        found = guess._exact(tree)
        if found is not None:
            leaves += found
            return guess
        shape.count_miss()
    nodes = []
    for flatten, child in zip(shape.flatteners, children):
        if flatten is None:
            leaves.append(child)
        else:
            nodes.append(flatten(child, leaves))
    return shape.treedef_over(nodes)


def _new_shape(table: dict, node: NodeType, data: Any, types: tuple[type, ...]) -> _Shape:
    shape = _Shape(node, data, types)
    if len(types) <= _MAX_CHILDREN:
        _remember(table, types, shape)
    return shape


def _sequence_flattener(node: NodeType) -> Callable[[Any, list], PyTreeDef]:
    shapes = node.shapes

    def flatten_sequence(tree, leaves):
        types = tuple(map(type, tree))
        shape = shapes.get(types) or _new_shape(shapes, node, None, types)
        if shape.treedef is not None:
            leaves += tree
            return shape.treedef
        return _flatten_mixed(shape, tree, tree, leaves)

    return flatten_sequence


def _none_flattener(node: NodeType) -> Callable[[Any, list], PyTreeDef]:
    treedef = make_treedef(node, None, [])

    def flatten_none(tree, leaves):
        return treedef

    return flatten_none


def _general_flattener(node: NodeType) -> Callable[[Any, list], PyTreeDef]:
    to_children = node.to_children

    def flatten_node(tree, leaves):
        children, data = to_children(tree)
        treedefs = []
        for child in children:
            flatten = _FLATTENERS.get(type(child), _flatten_unknown)
            if flatten is None:
                leaves.append(child)
                treedefs.append(LEAF)
            else:
                treedefs.append(flatten(child, leaves))
        return make_treedef(node, data, treedefs)

    return flatten_node


def _flatten_unknown(tree: Any, leaves: list) -> PyTreeDef:
    flatten = _flattener_of(type(tree))
    if flatten is None:
        leaves.append(tree)
        return LEAF
    return flatten(tree, leaves)


class _DictPlan:
    """How dicts with certain keys come apart: the sorted keys, and the values in their order."""

    __slots__ = ("keys", "shapes", "values")

    def __init__(self, keys: tuple):
        self.keys = _sorted_keys(keys)
        self.values = _values_getter(self.keys)
        self.shapes: dict[tuple, _Shape] = {}


# keys of a dict in its own order -> its plan
_DICT_PLANS: dict[tuple, _DictPlan] = {}


def _dict_plan(tree: dict) -> _DictPlan:
    keys = tuple(tree)
    if keys and type(keys[0]) is not str:
        # Equal keys of other types (1 and True, members of a StrEnum) must not be taken for one another.
        key = (keys, tuple(map(type, keys)))
    else:
        key = keys
    plan = _DICT_PLANS.get(key)
    if plan is None:
        plan = _DictPlan(keys)
        is_plain = {*map(type, keys)} <= {str} if key is keys else _is_light(keys)
        if is_plain and len(keys) <= _MAX_CHILDREN:
            _remember(_DICT_PLANS, key, plan)
    return plan


def _sorted_keys(keys: tuple) -> tuple:
    try:
        return tuple(sorted(keys))
    except TypeError as error:
        raise TreeError(
            f"the keys of a dict cannot be sorted: {', '.join(map(repr, keys))}.",
            why=f"the leaves of a dict are ordered by its keys, and {error}.",
            fix="use keys of one type, or a collections.OrderedDict, which keeps its own order.",
        ) from None


def _values_getter(keys: tuple) -> Callable[[dict], tuple]:
    if len(keys) > 1:
        return itemgetter(*keys)
    return _values_in_order


def _values_in_order(tree: dict) -> tuple:
    return tuple(tree.values())


def _flatten_dict(tree: dict, leaves: list) -> PyTreeDef:
    plan = _dict_plan(tree)
    values = plan.values(tree)
    types = tuple(map(type, values))
    shape = plan.shapes.get(types) or _new_shape(plan.shapes, NODES[dict], plan.keys, types)
    if shape.treedef is not None:
        leaves += values
        return shape.treedef
    return _flatten_mixed(shape, tree, values, leaves)


# ------------------------------------------------------------------------------------------- known containers


def _sequence_keys(tree: Any, data: Any, num_children: int) -> list[SequenceKey]:
    return [SequenceKey(i) for i in range(num_children)]


def flat_keys(tree: Any, data: Any, num_children: int) -> list[FlattenedIndexKey]:
    """Number the children of a node that gives them no names."""
    return [FlattenedIndexKey(i) for i in range(num_children)]


def _dict_keys(tree: Any, keys: tuple, num_children: int) -> list[DictKey]:
    return [DictKey(key) for key in keys]


def _sequence_children(tree: Sequence) -> tuple[Sequence, None]:
    return tree, None


def _dict_children(tree: dict) -> tuple[tuple, tuple]:
    plan = _dict_plan(tree)
    return plan.values(tree), plan.keys


def _dict_from_children(keys: tuple, children: Sequence) -> dict:
    return dict(zip(keys, children))


def _none_children(tree: None) -> tuple[tuple, None]:
    return (), None


def _none_from_children(data: None, children: Sequence) -> None:
    return None


def _ordered_dict_children(tree: OrderedDict) -> tuple[tuple, tuple]:
    return tuple(tree.values()), tuple(tree)


def _ordered_dict_from_children(keys: tuple, children: Sequence) -> OrderedDict:
    return OrderedDict(zip(keys, children))


def _defaultdict_children(tree: defaultdict) -> tuple[tuple, tuple]:
    plan = _dict_plan(tree)
    return plan.values(tree), (tree.default_factory, plan.keys)


def _defaultdict_from_children(data: tuple, children: Sequence) -> defaultdict:
    default_factory, keys = data
    return defaultdict(default_factory, zip(keys, children))


def _defaultdict_keys(tree: Any, data: tuple, num_children: int) -> list[DictKey]:
    return _dict_keys(tree, data[1], num_children)


def _tuple_from_children(data: None, children: Sequence) -> tuple:
    return tuple(children)


def _list_from_children(data: None, children: Sequence) -> list:
    return list(children)


def _namedtuple_node(kind: type) -> NodeType:
    names = [GetAttrKey(field) for field in kind._fields]
    return NodeType(
        kind,
        _sequence_children,
        lambda data, children: kind(*children),
        lambda tree, data, num_children: names,
        is_sequence=True,
    )


_BUILTIN_NODES = (
    NodeType(tuple, _sequence_children, _tuple_from_children, _sequence_keys, is_sequence=True),
    NodeType(list, _sequence_children, _list_from_children, _sequence_keys, is_sequence=True),
    NodeType(dict, _dict_children, _dict_from_children, _dict_keys),
    NodeType(type(None), _none_children, _none_from_children, _sequence_keys),
    NodeType(OrderedDict, _ordered_dict_children, _ordered_dict_from_children, _dict_keys),
    NodeType(defaultdict, _defaultdict_children, _defaultdict_from_children, _defaultdict_keys),
)

for _node in _BUILTIN_NODES:
    add_node(_node)
