"""Registration: which types are containers, beyond those that are known from the start.

Also ``Partial``, a function with bound arguments that is a container of them. Layer 0: it must import nothing
of jaxlite but ``errors``, ``tree_def`` and ``tree_paths``. It produces one ``NodeType`` per class, which says
how its instances come apart and together::

    NodeType(Layer): Layer(2.0, 'tanh')  ->  children (2.0,), data ('tanh',)  ->  Layer(2.0, 'tanh')
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from keyword import iskeyword
from operator import attrgetter, methodcaller
from typing import Any

from jaxlite.errors import TreeError
from jaxlite.tree_def import (
    HOW_TO_REGISTER,
    NODES,
    NodeType,
    PyTreeDef,
    add_node,
    flat_keys,
    flatten_until,
    is_namedtuple_type,
    node_of,
)
from jaxlite.tree_paths import GetAttrKey


def _register(node: NodeType) -> None:
    known = NODES.get(node.kind)
    if known is not None and not (known.is_sequence and is_namedtuple_type(node.kind)):
        raise TreeError(
            f"{node.kind.__name__} is registered as a pytree node already.",
            fix="register a type once, where it is defined.",
        )
    add_node(node)


def _check_type(kind: Any, registrar: str) -> None:
    if not isinstance(kind, type):
        raise TreeError(f"{registrar}: expected a class, got {kind!r}.")


def _checked_flatten(kind: type, flatten: Callable) -> Callable[[Any], tuple[tuple, Any]]:
    """Hold a user's flatten function to its contract, and make its children a tuple."""

    def to_children(tree):
        result = flatten(tree)
        if isinstance(result, (tuple, list)) and len(result) == 2 and isinstance(result[0], Iterable):
            children, data = result
            return tuple(children), data
        raise TreeError(
            f"the flatten function of {kind.__name__} must return (children, static data), children an "
            f"iterable, but it returned {result!r}.",
            fix="return ((self.x, self.y), None) when nothing is static.",
        )

    return to_children


def _pairs_to_children(flatten_with_keys: Callable) -> Callable:
    """Turn ``tree -> ([(key, child), ...], data)`` into ``tree -> ([child, ...], data)``."""

    def flatten(tree):
        pairs, data = flatten_with_keys(tree)
        return [child for _, child in pairs], data

    return flatten


def _keys_from_pairs(flatten_with_keys: Callable | None) -> Callable[[Any, Any, int], Sequence]:
    if flatten_with_keys is None:
        return flat_keys

    def to_keys(tree, data, num_children):
        if tree is None:
            return flat_keys(tree, data, num_children)
        return [key for key, _ in flatten_with_keys(tree)[0]]

    return to_keys


def register_pytree_node(
    nodetype: type,
    flatten_func: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten_func: Callable[[Any, Iterable[Any]], Any],
    flatten_with_keys_func: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Make instances of a class containers.

    Parameters
    ----------
    nodetype : type
        The class; its subclasses are not registered with it.
    flatten_func : callable
        ``tree -> (children, data)``: what it holds, and what is static about it (hashable, comparable).
    unflatten_func : callable
        ``(data, children) -> tree``, where the children may be anything (tracers, None, other trees).
    flatten_with_keys_func : callable, optional
        ``tree -> ([(key, child), ...], data)``, for key paths.

    Raises
    ------
    TreeError
        If the class is registered already.

    Examples
    --------
    >>> from jaxlite import tree
    >>> class Interval:
    ...     def __init__(self, low, high):
    ...         self.low, self.high = low, high
    >>> register_pytree_node(Interval, lambda x: ((x.low, x.high), None), lambda data, ends: Interval(*ends))
    >>> tree.leaves(Interval(0.0, (1.0, 2.0)))
    [0.0, 1.0, 2.0]
    """
    _check_type(nodetype, "register_pytree_node")
    _register(
        NodeType(
            nodetype,
            _checked_flatten(nodetype, flatten_func),
            unflatten_func,
            _keys_from_pairs(flatten_with_keys_func),
        )
    )


def register_pytree_with_keys(
    nodetype: type,
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]],
    unflatten_func: Callable[[Any, Iterable[Any]], Any],
    flatten_func: Callable[[Any], tuple[Iterable[Any], Any]] | None = None,
) -> None:
    """Make instances of a class containers whose children have names.

    Parameters
    ----------
    nodetype : type
        The class.
    flatten_with_keys : callable
        ``tree -> ([(key, child), ...], data)``; keys are ``GetAttrKey('x')``, ``DictKey('x')`` and so on.
    unflatten_func : callable
        ``(data, children) -> tree``.
    flatten_func : callable, optional
        ``tree -> (children, data)``, quicker than `flatten_with_keys` where no names are needed.

    Raises
    ------
    TreeError
        If the class is registered already.
    """
    _check_type(nodetype, "register_pytree_with_keys")
    flatten = flatten_func or _pairs_to_children(flatten_with_keys)
    register_pytree_node(nodetype, flatten, unflatten_func, flatten_with_keys)


def register_pytree_node_class(cls: type) -> type:
    """Register a class that has the methods ``tree_flatten`` and ``tree_unflatten``.

    ``tree_flatten(self) -> (children, data)``, and a class method ``tree_unflatten(data, children)``.

    Parameters
    ----------
    cls : type
        The class; use as a decorator.

    Returns
    -------
    type
        The class.

    Examples
    --------
    >>> from jaxlite import tree
    >>> @register_pytree_node_class
    ... class Box:
    ...     def __init__(self, item):
    ...         self.item = item
    ...     def tree_flatten(self):
    ...         return (self.item,), None
    ...     @classmethod
    ...     def tree_unflatten(cls, data, children):
    ...         return cls(*children)
    >>> tree.map(lambda x: -x, Box((1, 2))).item
    (-1, -2)
    """
    _check_type(cls, "register_pytree_node_class")
    register_pytree_node(cls, methodcaller("tree_flatten"), cls.tree_unflatten)
    return cls


def register_pytree_with_keys_class(cls: type) -> type:
    """Register a class that has the methods ``tree_flatten_with_keys`` and ``tree_unflatten``.

    ``tree_flatten_with_keys(self) -> ([(key, child), ...], data)``, and a class method
    ``tree_unflatten(data, children)``.

    Parameters
    ----------
    cls : type
        The class; use as a decorator. A method ``tree_flatten`` is used too, if there is one.

    Returns
    -------
    type
        The class.
    """
    _check_type(cls, "register_pytree_with_keys_class")
    flatten = methodcaller("tree_flatten") if hasattr(cls, "tree_flatten") else None
    register_pytree_with_keys(cls, methodcaller("tree_flatten_with_keys"), cls.tree_unflatten, flatten)
    return cls


def register_dataclass(
    nodetype: type,
    data_fields: Sequence[str] | None = None,
    meta_fields: Sequence[str] | None = None,
    drop_fields: Sequence[str] = (),
) -> type:
    """Make instances of a dataclass containers of its fields.

    Parameters
    ----------
    nodetype : type
        A dataclass (or, when the fields are named, any class that takes its fields as keyword arguments).
    data_fields : sequence of str, optional
        Fields that hold children. By default those without ``metadata={'static': True}``.
    meta_fields : sequence of str, optional
        Static fields: part of the structure, hashable and comparable. Given with `data_fields` or not at all.
    drop_fields : sequence of str
        Fields that are left to their default values when the container is built again.

    Returns
    -------
    type
        The class, so that this works as a decorator.

    Raises
    ------
    TreeError
        If the fields do not cover the dataclass, or the class is registered already.

    Examples
    --------
    >>> from jaxlite import tree
    >>> @register_dataclass
    ... @dataclasses.dataclass
    ... class Layer:
    ...     weight: float
    ...     activation: str = static(default='tanh')
    >>> tree.flatten(Layer(2.0))
    ([2.0], PyTreeDef(CustomNode(Layer[('tanh',)], [*])))
    """
    _check_type(nodetype, "register_dataclass")
    data_fields, meta_fields = _dataclass_fields(nodetype, data_fields, meta_fields, drop_fields)
    get_data, get_meta = _attributes_getter(data_fields), _attributes_getter(meta_fields)
    names = [GetAttrKey(field) for field in data_fields]

    def to_children(tree):
        return get_data(tree), get_meta(tree)

    def from_children(meta, children):
        return nodetype(**dict(zip(meta_fields, meta)), **dict(zip(data_fields, children)))

    def to_keys(tree, meta, num_children):
        return names

    # Other names cannot stand in generated code (attrgetter also takes 'a.b').
    is_plain = all(name.isidentifier() and not iskeyword(name) for name in (*data_fields, *meta_fields))
    fields = (data_fields, meta_fields) if is_plain else None
    _register(NodeType(nodetype, to_children, from_children, to_keys, fields=fields))
    return nodetype


def _dataclass_fields(nodetype, data_fields, meta_fields, drop_fields) -> tuple[tuple, tuple]:
    name = f"register_dataclass({nodetype.__name__})"
    if (data_fields is None) != (meta_fields is None):
        raise TreeError(f"{name}: data_fields and meta_fields are given together or not at all.")
    if not dataclasses.is_dataclass(nodetype):
        if data_fields is None:
            raise TreeError(
                f"{name}: the class is not a dataclass.",
                fix="put @dataclasses.dataclass under @register_dataclass, or name data_fields, meta_fields",
            )
        return tuple(data_fields), tuple(meta_fields)
    fields = [field for field in dataclasses.fields(nodetype) if field.init and field.name not in drop_fields]
    if data_fields is None:
        data_fields = [field.name for field in fields if not field.metadata.get("static", False)]
        meta_fields = [field.name for field in fields if field.metadata.get("static", False)]
    wanted, given = {field.name for field in fields}, [*data_fields, *meta_fields]
    if twice := {field for field in given if given.count(field) > 1}:
        raise TreeError(f"{name}: {_listed(twice)} named twice in data_fields and meta_fields.")
    if missing := wanted - {*given}:
        raise TreeError(
            f"{name}: {_listed(missing)} neither in data_fields nor in meta_fields.",
            why="the container is built again from these fields.",
            fix="add every field with init=True, or name it in drop_fields to leave it to its default.",
        )
    if extra := {*given} - wanted:
        raise TreeError(f"{name}: {_listed(extra)} not among the dataclass fields with init=True.")
    return tuple(data_fields), tuple(meta_fields)


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    return f"{', '.join(map(repr, names))} {'is' if len(names) == 1 else 'are'}"


def _attributes_getter(names: tuple[str, ...]) -> Callable[[Any], tuple]:
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda tree: ()
    get = attrgetter(*names)
    return lambda tree: (get(tree),)


def register_static(cls: type) -> type:
    """Make instances of a class containers without leaves: a part of the structure.

    Parameters
    ----------
    cls : type
        A class with ``__hash__`` and ``__eq__``; use as a decorator.

    Returns
    -------
    type
        The class.
    """
    _check_type(cls, "register_static")
    _register(NodeType(cls, lambda tree: ((), tree), lambda tree, children: tree, flat_keys))
    return cls


def static(**kwargs: Any) -> Any:
    """Declare a static field of a registered dataclass.

    It is ``dataclasses.field`` with ``static=True`` in the metadata.

    Parameters
    ----------
    **kwargs
        As for ``dataclasses.field``.

    Returns
    -------
    dataclasses.Field
    """
    metadata = {**(kwargs.pop("metadata", None) or {}), "static": True}
    return dataclasses.field(metadata=metadata, **kwargs)


def is_tree_node(typ: type) -> bool:
    """Say whether instances of a type are containers.

    Parameters
    ----------
    typ : type

    Returns
    -------
    bool
    """
    return node_of(typ) is not None


class PyTreeRegistry:
    """The table of container types, as an object; there is one, ``default_registry``."""

    def flatten(self, tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list, PyTreeDef]:
        """Do what ``tree_flatten`` does."""
        leaves: list[Any] = []
        return leaves, flatten_until(tree, is_leaf, leaves)

    def flatten_one_level(self, tree: Any) -> tuple[Iterable[Any], Any] | None:
        """Return children and static data of a container; None for a leaf."""
        node = node_of(type(tree))
        return None if node is None else _one_level(node, tree)

    def flatten_one_level_with_keys(self, tree: Any) -> tuple[Iterable[tuple[Any, Any]], Any] | None:
        """Return named children and static data of a container; None for a leaf."""
        node = node_of(type(tree))
        if node is None:
            return None
        children, data = _one_level(node, tree)
        return list(zip(node.to_keys(tree, node.to_children(tree)[1], len(children)), children)), data

    def register_node(
        self,
        nodetype: type,
        flatten: Callable,
        unflatten: Callable,
        flatten_with_keys: Callable | None = None,
    ) -> None:
        """Do what ``register_pytree_node`` does."""
        register_pytree_node(nodetype, flatten, unflatten, flatten_with_keys)

    def is_node(self, kind: type) -> bool:
        """Do what ``is_tree_node`` does."""
        return is_tree_node(kind)


def _one_level(node: NodeType, tree: Any) -> tuple[Sequence, Any]:
    children, data = node.to_children(tree)
    return children, node.kind if node.is_sequence and node.kind not in (tuple, list) else data


default_registry = PyTreeRegistry()


def flatten_one_level(tree: Any) -> tuple[Iterable[Any], Any]:
    """Take the outermost container apart.

    Parameters
    ----------
    tree : pytree

    Returns
    -------
    tuple
        The children and the static data.

    Raises
    ------
    TreeError
        If the tree is a leaf.

    Examples
    --------
    >>> flatten_one_level({'b': [1, 2], 'a': 3})
    ((3, [1, 2]), ('a', 'b'))
    """
    return _or_not_a_container(default_registry.flatten_one_level(tree), "flatten_one_level", tree)


def flatten_one_level_with_keys(tree: Any) -> tuple[Iterable[tuple[Any, Any]], Any]:
    """Take the outermost container apart and name its children.

    Parameters
    ----------
    tree : pytree

    Returns
    -------
    tuple
        A list of pairs (key, child) and the static data.

    Raises
    ------
    TreeError
        If the tree is a leaf.
    """
    found = default_registry.flatten_one_level_with_keys(tree)
    return _or_not_a_container(found, "flatten_one_level_with_keys", tree)


def _or_not_a_container(found: tuple | None, name: str, tree: Any) -> tuple:
    if found is None:
        raise TreeError(f"{name}: {type(tree).__name__} is not a type of containers.", fix=HOW_TO_REGISTER)
    return found


class _Opaque:
    """A ``functools.partial`` inside a ``Partial``: one static thing, equal to itself only."""

    __slots__ = ("fun",)

    def __init__(self, fun: functools.partial):
        self.fun = fun

    def __call__(self, *args, **kwargs):
        return self.fun(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return type(other) is _Opaque and self.fun is other.fun

    def __hash__(self) -> int:
        return hash(id(self.fun))

    def __repr__(self) -> str:
        return repr(self.fun)


class Partial(functools.partial):
    """A ``functools.partial`` that is a pytree: its arguments are children, its function is static.

    A ``functools.partial`` given as the function is one static thing: its arguments are not children.

    Parameters
    ----------
    func : callable
        Compared by ``==`` where structures are compared.
    *args, **kw
        Arguments bound to it.

    Examples
    --------
    >>> from jaxlite import tree
    >>> scale = Partial(lambda factor, x: factor * x, 3.0)
    >>> scale(2.0), tree.leaves(scale), tree.map(lambda x: -x, scale)(2.0)
    (6.0, [3.0], -6.0)
    """

    def __new__(cls, func: Callable, *args: Any, **kw: Any) -> Partial:
        if isinstance(func, functools.partial):
            func = _Opaque(func)
        return super().__new__(cls, func, *args, **kw)


_register(
    NodeType(
        Partial,
        lambda partial: ((partial.args, partial.keywords), partial.func),
        lambda func, children: Partial(func, *children[0], **children[1]),
        flat_keys,
    )
)
