"""Pytrees: flattening, structures, registration, key paths, and the errors that name places."""

import collections
import copy
import dataclasses
import enum
import functools
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxlite import tree, tree_util
from jaxlite.errors import TreeError
from jaxlite.tree import (
    DictKey,
    FlattenedIndexKey,
    GetAttrKey,
    Partial,
    PyTreeDef,
    SequenceKey,
    broadcast_prefix,
    flatten_axes,
    keystr,
    path_name,
    structure_difference,
    treedef_paths,
)

# More than it takes for a structure to get code of its own.
OFTEN = 40

Point = collections.namedtuple("Point", "x y")


class SubPoint(Point):
    """A subclass of a namedtuple is a container, too."""


@tree_util.register_dataclass
@dataclasses.dataclass
class Layer:
    weight: object
    bias: object
    activation: object = tree.static(default="tanh")


@tree_util.register_pytree_node_class
class Box:
    def __init__(self, items, label=None):
        self.items, self.label = tuple(items), label

    def tree_flatten(self):
        return self.items, self.label

    @classmethod
    def tree_unflatten(cls, label, items):
        return cls(items, label)

    def __eq__(self, other):
        return type(other) is Box and (self.items, self.label) == (other.items, other.label)

    def __repr__(self):
        return f"Box({self.items}, {self.label!r})"


@tree_util.register_pytree_with_keys_class
class Named:
    def __init__(self, low, high):
        self.low, self.high = low, high

    def tree_flatten_with_keys(self):
        return ((GetAttrKey("low"), self.low), (GetAttrKey("high"), self.high)), None

    @classmethod
    def tree_unflatten(cls, data, children):
        return cls(*children)

    def __eq__(self, other):
        return type(other) is Named and (self.low, self.high) == (other.low, other.high)


@tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Config:
    depth: int


class Color(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


CASES = {
    "leaf": (1, [1], "*", [""]),
    "none": (None, [], "None", []),
    "tuple": ((1, 2), [1, 2], "(*, *)", ["[0]", "[1]"]),
    "one": ((1,), [1], "(*,)", ["[0]"]),
    "empty": ([(), [], {}], [], "[(), [], {}]", []),
    "nested": (
        {"b": {}, "a": [1, (2, None)]},
        [1, 2],
        "{'a': [*, (*, None)], 'b': {}}",
        ["['a'][0]", "['a'][1][0]"],
    ),
    "int keys": ({2: "x", 1: "y"}, ["y", "x"], "{1: *, 2: *}", ["[1]", "[2]"]),
    "tuple keys": ({(1, 0): 5}, [5], "{(1, 0): *}", ["[(1, 0)]"]),
    "ordered": (
        collections.OrderedDict(b=1, a=2),
        [1, 2],
        "CustomNode(OrderedDict[('b', 'a')], [*, *])",
        ["['b']", "['a']"],
    ),
    "defaultdict": (
        collections.defaultdict(list, b=1, a=2),
        [2, 1],
        "CustomNode(defaultdict[(<class 'list'>, ('a', 'b'))], [*, *])",
        ["['a']", "['b']"],
    ),
    "namedtuple": (Point(1, [2]), [1, 2], "CustomNode(namedtuple[Point], [*, [*]])", [".x", ".y[0]"]),
    "sub namedtuple": (SubPoint(1, 2), [1, 2], "CustomNode(namedtuple[SubPoint], [*, *])", [".x", ".y"]),
    "dataclass": (Layer(1, (2,)), [1, 2], "CustomNode(Layer[('tanh',)], [*, (*,)])", [".weight", ".bias[0]"]),
    "class": (
        Box([1, 2], "aux"),
        [1, 2],
        "CustomNode(Box[aux], [*, *])",
        ["[<flat index 0>]", "[<flat index 1>]"],
    ),
    "with keys": (Named(1, 2), [1, 2], "CustomNode(Named[None], [*, *])", [".low", ".high"]),
    "static": ([Config(3), 1], [1], "[CustomNode(Config[Config(depth=3)], []), *]", ["[1]"]),
    "partial": (
        Partial(max, 1, key=2),
        [1, 2],
        "CustomNode(Partial[<built-in function max>], [(*,), {'key': *}])",
        ["[<flat index 0>][0]", "[<flat index 1>]['key']"],
    ),
}


def same(left, right):
    """Equality of trees that also looks at types, and into a Partial."""
    if isinstance(left, Partial):
        left, right = ((p.func, p.args, p.keywords) for p in (left, right))
    return type(left) is type(right) and left == right


# ---------------------------------------------------------------------------------- flatten and unflatten


@pytest.mark.parametrize("name", CASES)
def test_flatten_gives_leaves_structure_and_paths(name):
    value, leaves, text, paths = CASES[name]
    for _ in range(OFTEN):
        found, treedef = tree.flatten(value)
        assert found == leaves
        assert repr(treedef) == f"PyTreeDef({text})"
        assert treedef.num_leaves == len(leaves)
    with_paths, treedef_with_paths = tree.flatten_with_path(value)
    assert [keystr(path) for path, _ in with_paths] == paths
    assert [leaf for _, leaf in with_paths] == leaves
    assert treedef_with_paths == treedef
    assert tree.leaves(value) == leaves and tree.structure(value) == treedef


@pytest.mark.parametrize("name", CASES)
def test_unflatten_gives_the_tree_back(name):
    value = CASES[name][0]
    leaves, treedef = tree.flatten(value)
    for _ in range(OFTEN):
        assert same(treedef.unflatten(leaves), value)


@pytest.mark.parametrize("name", CASES)
def test_structure_survives_pickle_and_copy(name):
    treedef = tree.structure(CASES[name][0])
    assert pickle.loads(pickle.dumps(treedef)) == treedef
    assert copy.copy(treedef) is treedef and copy.deepcopy(treedef) is treedef


@pytest.mark.parametrize("name", CASES)
def test_structure_from_its_parts(name):
    treedef = tree.structure(CASES[name][0])
    registry = tree_util.default_registry
    rebuilt = PyTreeDef.from_node_data_and_children(registry, treedef.node_data(), treedef.children())
    assert rebuilt == treedef and hash(rebuilt) == hash(treedef)


def test_unknown_containers_are_leaves():
    class MyDict(dict):
        pass

    leaves = [MyDict(a=1), {1}, "text", np.ones(2), functools.partial(max, 1), range(3)]
    assert tree.leaves(leaves) == leaves


def test_structures_compare_by_structure():
    assert tree.structure({"a": 1, "b": (2,)}) == tree.structure({"b": (5.0,), "a": 7})
    assert hash(tree.structure([1, (2,)])) == hash(tree.structure([3, (4,)]))
    different = [1, (1,), [1], {"a": 1}, {"b": 1}, {"a": (1,)}, None, Point(1, 2), (1, 2), Layer(1, 2)]
    different += [Layer(1, 2, "relu"), collections.OrderedDict(a=1, b=1), collections.OrderedDict(b=1, a=1)]
    assert len({tree.structure(value) for value in different}) == len(different)
    assert tree.structure(1) != 3


def test_equal_structures_are_the_same_object():
    assert tree.structure((1, {"a": [2, None]})) is tree.structure((3, {"a": [4, None]}))


def test_structure_is_immutable():
    treedef = tree.structure((1, 2))
    with pytest.raises(AttributeError):
        treedef.num_leaves = 3
    with pytest.raises(AttributeError):
        treedef.other = 3
    treedef.children().append(None)
    assert treedef == tree.structure((1, 2))


def test_static_data_comes_back_as_it_was():
    # Equal, but not the same: what was seen first must not come back in place of the other.
    for value in [1, True, 1.0, 0.0, -0.0] * OFTEN:
        (back, _) = tree.map(lambda x: x, (Layer(0, 0, value), 0))
        assert repr(back.activation) == repr(value)
        label = tree.map(lambda x: x, [Box([0], (value, "a"))])[0].label
        assert repr(label) == repr((value, "a"))
    assert tree.structure(Layer(0, 0, 1)) == tree.structure(Layer(0, 0, 1.0))


def test_dict_keys_come_back_as_they_were():
    dicts = [{1: 0, 2: 0}, {True: 0, 2: 0}, {"red": 0, "blue": 0}, {Color.RED: 0, Color.BLUE: 0}]
    for _ in range(OFTEN):
        for value in dicts:
            for wrapped in (value, (value, [value])):
                back = tree.map(lambda x: x, wrapped)
                keys = list(back if wrapped is value else back[1][0])
                assert [type(key) for key in keys] == [type(key) for key in sorted(value)]


def test_flatten_exactly():
    treedef = tree.structure({"a": [0, (0, None)], "b": Layer(0, [0])})
    good = {"b": Layer(3, [4]), "a": [1, (2, None)]}
    bad = [
        1,
        {"a": good["a"]},
        {"a": good["a"], "c": good["b"]},
        {**good, "c": 1},
        {**good, "a": [1, (2, 3)]},
        {**good, "a": (1, (2, None))},
        {**good, "a": [1, [2, None]]},
        {**good, "a": [(1,), (2, None)]},
        {**good, "b": Layer(3, [4], "relu")},
        {**good, "b": Layer(3, [4, 5])},
    ]
    for _ in range(OFTEN):
        assert treedef.flatten_exactly(good) == [1, 2, 3, 4]
        assert [treedef.flatten_exactly(value) for value in bad] == [None] * len(bad)
    # Equal static data is as good as identical data.
    number = tree.structure((Layer(0, 0, 1), 0))
    for _ in range(OFTEN):
        assert number.flatten_exactly((Layer(1, 2, 1.0), 3)) == [1, 2, 3]


def test_changing_structures_under_one_shape():
    # The same outermost shape with other insides again and again: the remembered guess must give way.
    insides = [(1,), (1, 2), ((3,), 4), (None, 5), ([6], 7)]
    for _ in range(OFTEN):
        for inside in insides:
            value = {"x": inside, "y": 8}
            leaves, treedef = tree.flatten(value)
            assert leaves == [*tree.leaves(inside), 8]
            assert treedef.unflatten(leaves) == value


def test_large_and_long_and_deep_trees():
    large = {f"layer{i}": {"w": i, "b": [i, (i, None)]} for i in range(200)}
    long = [list(range(500)), {str(i): i for i in range(300)}]
    deep = functools.reduce(lambda inner, _: [inner, 0], range(150), 1)
    for value in (large, long, deep):
        other = tree.map(lambda x: x, value)
        for _ in range(OFTEN):
            leaves, treedef = tree.flatten(value)
            assert treedef.unflatten(leaves) == value == other
            assert treedef.flatten_up_to(other) == leaves
            assert treedef.flatten_exactly(other) == leaves


def test_to_python_shows_the_code():
    text = tree.structure({"b": 0, "w": (0, 0)}).to_python()
    assert "t1 = t0['b']" in text
    assert "return {'b': l0, 'w': (l1, l2, )}" in text


def test_is_leaf():
    value = {"a": [1, None], "b": (2, 3)}
    assert tree.leaves(value, is_leaf=lambda x: x is None) == [1, None, 2, 3]
    assert tree.leaves(value, is_leaf=lambda x: isinstance(x, tuple)) == [1, (2, 3)]
    assert tree.flatten(value, is_leaf=lambda x: True) == ([value], tree.structure(0))
    assert tree.flatten(value, is_leaf=lambda x: None) == tree.flatten(value)
    assert tree.structure(value, is_leaf=lambda x: isinstance(x, list)) == tree.structure(
        {"a": 0, "b": (0, 0)}
    )
    at_b = tree.leaves_with_path(value, lambda path, x: path == (DictKey("b"),), is_leaf_takes_path=True)
    assert at_b[-1] == ((DictKey("b"),), (2, 3))
    doubled = tree.map_with_path(lambda path, x: 2 * x, value, is_leaf=lambda x: x == (2, 3))
    assert doubled == {"a": [2, None], "b": (2, 3, 2, 3)}


# ------------------------------------------------------------------------------------------ random trees

LEAVES = st.one_of(st.integers(), st.floats(allow_nan=False), st.text(max_size=2), st.booleans())
KEYS = st.sampled_from(["a", "b", "c", "w"])


def _containers(children):
    return st.one_of(
        st.lists(children, max_size=3),
        st.lists(children, max_size=3).map(tuple),
        st.dictionaries(KEYS, children, max_size=3),
        st.dictionaries(st.integers(0, 3), children, max_size=3),
        st.dictionaries(KEYS, children, max_size=3).map(collections.OrderedDict),
        st.dictionaries(KEYS, children, max_size=3).map(lambda d: collections.defaultdict(int, d)),
        st.builds(Point, children, children),
        st.builds(Layer, children, children, st.sampled_from([1, 1.0, True, "relu"])),
        st.builds(Box, st.lists(children, max_size=2), st.sampled_from([None, (1, 2), "x"])),
        st.builds(Named, children, children),
    )


TREES = st.recursive(st.one_of(LEAVES, st.none()), _containers, max_leaves=12)


def reference_leaves(value):
    """The leaves, by the plainest recursion."""
    if value is None:
        return []
    if isinstance(value, collections.OrderedDict):
        children = list(value.values())
    elif isinstance(value, dict):
        children = [value[key] for key in sorted(value)]
    elif isinstance(value, (tuple, list)):
        children = value
    elif isinstance(value, Layer):
        children = [value.weight, value.bias]
    elif isinstance(value, Box):
        children = value.items
    elif isinstance(value, Named):
        children = [value.low, value.high]
    else:
        return [value]
    return [leaf for child in children for leaf in reference_leaves(child)]


@given(TREES)
def test_random_trees_round_trip(value):
    for _ in range(18):
        leaves, treedef = tree.flatten(value)
        back = treedef.unflatten(leaves)
        assert leaves == reference_leaves(value)
        assert back == value
        assert tree.structure(back) == treedef
        assert treedef.flatten_up_to(value) == leaves
        assert treedef.flatten_exactly(value) == leaves
    with_paths, other = tree.flatten_with_path(value)
    assert [leaf for _, leaf in with_paths] == leaves and other == treedef
    assert len({path for path, _ in with_paths}) == len(leaves)
    assert tree.flatten(value, is_leaf=lambda x: False) == (leaves, treedef)


@given(TREES, TREES)
def test_random_structures_differ_or_match(left, right):
    a, b = tree.structure(left), tree.structure(right)
    assert (a == b) == (repr(a) == repr(b)) or "Layer" in repr(a)
    assert (structure_difference(a, b) is None) == (a == b)
    if a == b:
        assert hash(a) == hash(b)
        assert a.flatten_up_to(right) == tree.leaves(right)
    else:
        assert a.flatten_exactly(right) is None


@given(TREES, TREES)
def test_random_composition(outer, inner):
    composed = tree.structure(outer).compose(tree.structure(inner))
    assert composed == tree.structure(tree.map(lambda _: inner, outer))
    assert tree.structure(outer).flatten_up_to(tree.map(lambda _: inner, outer)) == [inner] * len(
        tree.leaves(outer)
    )
    assert broadcast_prefix(outer, tree.map(lambda _: inner, outer)) == [
        leaf for leaf in tree.leaves(outer) for _ in tree.leaves(inner)
    ]


@given(TREES)
def test_random_trees_agree_with_jax(oracle, value):
    if any(word in repr(tree.structure(value)) for word in ("Layer", "Box", "Named")):
        return
    leaves, treedef = oracle.tree.flatten(value)
    assert tree.leaves(value) == leaves
    assert repr(tree.structure(value)) == repr(treedef)
    assert tree.structure(value).num_nodes == treedef.num_nodes
    ours = [keystr(path) for path, _ in tree.leaves_with_path(value)]
    assert ours == [oracle.tree_util.keystr(path) for path, _ in oracle.tree.leaves_with_path(value)]


def test_every_name_of_jax_is_there(oracle):
    public = {name for name in dir(oracle.tree_util) if not name.startswith("_")}
    assert public <= set(dir(tree_util))
    assert {name for name in dir(oracle.tree) if not name.startswith("_")} <= set(dir(tree))


# -------------------------------------------------------------------------------------- functions of trees


def test_map():
    assert tree.map(lambda x: -x, {"a": [1, None], "b": 2}) == {"a": [-1, None], "b": -2}
    assert tree.map(lambda x, y: (x, y), (1, 2), ([1, 2], {"a": 3})) == ((1, [1, 2]), (2, {"a": 3}))
    assert tree.map(lambda x, y: x + y, {"b": 1, "a": 2}, {"a": 1, "b": 2}) == {"a": 3, "b": 3}
    assert tree.map(lambda x, y: (x, y), (1, None), (1, 3), is_leaf=lambda x: x is None) == (
        (1, 1),
        (None, 3),
    )
    assert tree.map(lambda x: None, {"a": 1}) == {"a": None}


def test_map_with_path():
    spelled = tree.map_with_path(lambda path, x, y: (keystr(path), x, y), {"a": [1, 2]}, {"a": [3, 4]})
    assert spelled == {"a": [("['a'][0]", 1, 3), ("['a'][1]", 2, 4)]}


def test_reduce_and_all():
    assert tree.reduce(lambda a, b: a + b, [1, 2, (3,)]) == 6
    assert tree.reduce(lambda a, b: a + [b], [1, (2, None)], [0]) == [0, 1, 2]
    assert tree.reduce(lambda a, b: a + b, [], 0) == 0
    assert tree.reduce(lambda a, b: a, [], None) is None
    assert tree.reduce_associative(lambda a, b: f"({a}{b})", list("abcdefg")) == "((a(bc))((de)(fg)))"
    assert tree.reduce_associative(lambda a, b: a + b, [], identity=0) == 0
    assert tree.reduce_associative(lambda a, b: a + b, [1, 2], identity=5) == 3
    assert tree.all([1, (True, None)]) and tree.all([]) and not tree.all({"a": 0})
    assert tree_util.all_leaves([1, "x"]) and not tree_util.all_leaves([1, ()])
    assert tree_util.all_leaves([None, 1], is_leaf=lambda x: x is None)


def test_transpose():
    rows = [{"a": 1, "b": (2, 3)}, {"a": 4, "b": (5, 6)}]
    outer, inner = tree.structure([0, 0]), tree.structure({"a": 0, "b": (0, 0)})
    columns = {"a": [1, 4], "b": ([2, 5], [3, 6])}
    assert tree.transpose(outer, inner, rows) == columns
    assert tree.transpose(outer, None, rows) == columns
    assert tree.transpose(inner, outer, columns) == rows
    assert tree.transpose(tree.structure([]), tree.structure((0, 0)), []) == ([], [])


def test_broadcast():
    assert tree.broadcast((1, 2), (0, {"a": 0, "b": (0, None)})) == (1, {"a": 2, "b": (2, None)})
    full = (1, {"a": 3, "b": 4})
    assert tree.broadcast((1, None), full, is_leaf=lambda x: x is None) == (1, {"a": None, "b": None})
    assert broadcast_prefix(7, full) == [7, 7, 7]


def test_flatten_axes():
    treedef = tree.structure((0, {"a": 0, "b": [0, None]}, Layer(0, 0)))
    assert flatten_axes("vmap in_axes", treedef, 0) == [0] * 5
    assert flatten_axes("vmap in_axes", treedef, None) == [None] * 5
    assert flatten_axes("vmap in_axes", treedef, (0, None, 1)) == [0, None, None, 1, 1]
    axes = (0, {"a": None, "b": [2, None]}, Layer(3, None))
    assert flatten_axes("vmap in_axes", treedef, axes) == [0, None, 2, 3, None]


def test_treedef_functions():
    treedef = tree.structure({"a": [1], "b": 2})
    assert tree_util.treedef_children(treedef) == [tree.structure([1]), tree.structure(2)]
    assert tree_util.treedef_tuple([tree.structure(1), treedef]) == tree.structure((1, {"a": [1], "b": 2}))
    assert tree_util.treedef_is_leaf(tree.structure(1)) and not tree_util.treedef_is_leaf(treedef)
    assert (treedef.num_leaves, treedef.num_nodes) == (2, 4)
    assert treedef.node_data() == (dict, ["a", "b"]) and tree.structure(1).node_data() is None
    assert (
        repr(tree.structure([0, 0]).compose(treedef)) == "PyTreeDef([{'a': [*], 'b': *}, {'a': [*], 'b': *}])"
    )


# ------------------------------------------------------------------------------------------------- paths


def test_key_entries():
    entries = [DictKey("a"), SequenceKey(1), GetAttrKey("n"), FlattenedIndexKey(2)]
    assert [str(entry) for entry in entries] == ["['a']", "[1]", ".n", "[<flat index 2>]"]
    assert repr(entries[0]) == "DictKey(key='a')" and repr(entries[1]) == "SequenceKey(idx=1)"
    assert repr(entries[2]) == "GetAttrKey(name='n')" and repr(entries[3]) == "FlattenedIndexKey(key=2)"
    assert DictKey("a") == DictKey("a") != GetAttrKey("a") and len({*entries, DictKey("a")}) == 4
    assert keystr(tuple(entries)) == "['a'][1].n[<flat index 2>]"
    assert keystr(tuple(entries), simple=True, separator="/") == "a/1/n/2"
    assert keystr(("raw", 3), separator="|") == "raw|3"
    assert pickle.loads(pickle.dumps(entries)) == copy.deepcopy(entries) == entries
    match SequenceKey(idx=4):
        case SequenceKey(position):
            assert position == 4
    assert path_name((SequenceKey(0), DictKey("w")), "args") == "args[0]['w']"


def test_paths_of_a_structure():
    value = {"a": [1, Layer(2, None)], "b": Box([3]), "c": Point(4, 5)}
    paths = [keystr(path) for path in treedef_paths(tree.structure(value))]
    assert paths == ["['a'][0]", "['a'][1].weight", "['b'][<flat index 0>]", "['c'].x", "['c'].y"]
    assert paths == [keystr(path) for path, _ in tree.leaves_with_path(value)]


def test_one_level():
    assert tree_util.flatten_one_level({"b": [1], "a": 2}) == ((2, [1]), ("a", "b"))
    assert tree_util.flatten_one_level(Layer(1, 2)) == ((1, 2), ("tanh",))
    assert tree_util.flatten_one_level(Point(1, 2)) == ((1, 2), Point)
    named, data = tree_util.flatten_one_level_with_keys(Point(1, [2]))
    assert (list(named), data) == ([(GetAttrKey("x"), 1), (GetAttrKey("y"), [2])], Point)
    assert tree_util.default_registry.flatten_one_level(1) is None
    assert tree_util.default_registry.flatten([1, None]) == ([1], tree.structure([1, None]))


def test_is_tree_node():
    containers = [tuple, list, dict, type(None), Point, collections.OrderedDict, Layer, Box, Config, Partial]
    assert all(tree_util.is_tree_node(kind) for kind in containers)
    assert not any(tree_util.is_tree_node(kind) for kind in (int, str, np.ndarray, functools.partial))


# ------------------------------------------------------------------------------------------ registration


def test_register_after_use_as_a_leaf():
    class Late:
        def __init__(self, x):
            self.x = x

    values = [Late(1), (Late(2), 3), {"a": Late(4)}]
    for _ in range(OFTEN):
        assert tree.leaves(values)[0] is values[0]
    before = tree.structure(values)
    tree_util.register_pytree_node(
        Late, lambda late: ([late.x], None), lambda data, children: Late(*children)
    )
    assert tree.leaves(values) == [1, 2, 3, 4]
    assert tree.structure(values) != before
    assert before.flatten_exactly(values) is None


def test_register_a_namedtuple_after_use():
    Pair = collections.namedtuple("Pair", "first second")
    assert tree.leaves([Pair(1, 2)]) == [1, 2]
    tree_util.register_pytree_node(Pair, lambda p: ((p.first,), p.second), lambda data, xs: Pair(*xs, data))
    assert tree.leaves([Pair(1, 2)]) == [1]
    with pytest.raises(TreeError, match="Pair is registered as a pytree node already"):
        tree_util.register_pytree_node(Pair, lambda p: ((), p), lambda data, xs: data)


def test_register_functions_of_every_form():
    class Plain:
        def __init__(self, *items):
            self.items = items

    def flatten_with_keys(plain):
        return [(DictKey(i), item) for i, item in enumerate(plain.items)], "data"

    tree_util.register_pytree_with_keys(Plain, flatten_with_keys, lambda data, xs: Plain(data, *xs))
    assert tree.leaves_with_path(Plain(5)) == [((DictKey(0),), 5)]
    assert tree.map(lambda x: x, Plain(5)).items == ("data", 5)

    class Other(Plain):
        pass

    tree_util.register_pytree_node(
        Other, lambda o: (iter(o.items), None), lambda _, xs: Other(*xs), flatten_with_keys
    )
    assert tree.leaves([Other(1, 2)]) == [1, 2]
    assert tree.leaves_with_path(Other(6)) == [((DictKey(0),), 6)]
    assert tree.leaves(type("Unregistered", (Other,), {})(1)) != [1]


def test_register_dataclass_by_names():
    @functools.partial(
        tree_util.register_dataclass, data_fields=["x"], meta_fields=["name"], drop_fields=["cache"]
    )
    @dataclasses.dataclass(frozen=True)
    class Model:
        x: object
        name: str
        cache: object = None
        derived: int = dataclasses.field(default=3, init=False)

    for _ in range(OFTEN):
        back = tree.map(lambda x: 2 * x, (Model(1, "m", cache="full"), 1))[0]
        assert back == Model(2, "m", cache=None)
        leaves, treedef = tree.flatten((Model(1, "m"), 2))
        assert leaves == [1, 2] and treedef.flatten_exactly((Model(1, "n"), 2)) is None

    class NoDataclass:
        def __init__(self, a, b):
            self.a, self.b = a, b

    tree_util.register_dataclass(NoDataclass, ["b"], ["a"])
    assert tree.map(lambda x: x + 1, NoDataclass(1, 2)).b == 3


def test_dataclass_without_static_fields_and_with_defaults():
    @tree_util.register_dataclass
    @dataclasses.dataclass
    class State:
        step: int
        values: list
        unused: int = dataclasses.field(default=0, init=False)

    assert tree.structure(State(0, [1])) == tree.structure(State(1, [2]))
    assert tree.map(lambda x: x + 1, State(0, [1])) == State(1, [2])


def test_static_field_keeps_metadata():
    field = tree.static(default=3, metadata={"unit": "m"})
    assert dict(field.metadata) == {"unit": "m", "static": True} and field.default == 3


def test_static_data_may_be_unhashable():
    boxes = [Box([1], {"a": 1}), Box([2], {"a": 1}), Box([3], {"a": 2})]
    first, second, third = map(tree.structure, boxes)
    assert first == second != third and hash(first) == hash(second)


def test_static_data_that_may_hold_arrays_is_not_kept():
    class Big:
        pass

    def flatten_often(big):
        for _ in range(OFTEN):
            leaves, treedef = tree.flatten(({"f": [Partial(lambda: big, 1)]}, Box([2], big), 3))
            treedef.unflatten(leaves)
        return weakref.ref(big)

    alive = flatten_often(Big())
    gc.collect()
    assert alive() is None


def test_threads_may_flatten_and_register():
    failures = []

    def work(seed):
        try:
            for i in range(200):
                kind = type(f"Kind{seed}_{i}", (), {})
                tree_util.register_pytree_node(kind, lambda x: ((1, 2), None), lambda data, xs: tuple(xs))
                value = {"a": [seed, (i, kind())], "b": None}
                leaves, treedef = tree.flatten(value)
                assert leaves == [seed, i, 1, 2]
                assert treedef.unflatten(leaves) == {"a": [seed, (i, (1, 2))], "b": None}
                assert treedef.flatten_exactly(value) == leaves
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# ----------------------------------------------------------------------------------------------- Partial


def test_partial():
    partial = Partial(divmod, 7)
    assert partial(2) == (3, 1) and isinstance(partial, functools.partial)
    assert tree.map(lambda x: x + 1, partial)(3) == (2, 2)
    assert (
        tree.structure(Partial(max, 1)) == tree.structure(Partial(max, 2)) != tree.structure(Partial(min, 2))
    )
    assert repr(Partial(max, 1, key=None)) == "Partial(<built-in function max>, 1, key=None)"


def test_partial_of_a_partial_is_static():
    inner = functools.partial(divmod, 7)
    partial = Partial(inner, 2)
    assert partial() == (3, 1) and tree.leaves(partial) == [2]
    assert tree.structure(Partial(inner, 2)) == tree.structure(partial)
    assert tree.structure(Partial(functools.partial(divmod, 7), 2)) != tree.structure(partial)


# ------------------------------------------------------------------------------------------------ errors


def fails(match):
    return pytest.raises(TreeError, match=match)


def test_tree_error_is_a_value_error_and_names_the_users_line():
    with pytest.raises(ValueError, match=r"test_tree.py:\d+, in test_tree_error"):
        tree.unflatten(tree.structure((1, 2)), [1])


def test_unflatten_with_the_wrong_number_of_leaves():
    treedef = tree.structure((1, {"a": 2}))
    for leaves in ([1], [1, 2, 3], (x for x in range(3))):
        with fails(r"tree_unflatten: the structure has 2 leaves, but [13] were given"):
            tree.unflatten(treedef, leaves)
    with fails(r"structure: PyTreeDef\(\(\*, \{'a': \*\}\)\)"):
        treedef.unflatten([])
    with fails("treedef must be a PyTreeDef, not a list"):
        tree.unflatten([1, 2], treedef)


def test_unsortable_keys():
    with fails("the keys of a dict cannot be sorted: 1, 'a'"):
        tree.flatten({"x": [{1: 0, "a": 0}]})
    with fails("use keys of one type, or a collections.OrderedDict"):
        tree.flatten(collections.defaultdict(int, {1: 0, "a": 0}))
    assert tree.leaves(collections.OrderedDict([(1, 5), ("a", 6)])) == [5, 6]


def test_a_container_that_contains_itself():
    value = [1]
    value.append(value)
    with fails("tree_flatten: the tree is nested too deeply"):
        tree.flatten(value)
    with fails("a container contains itself"):
        tree.leaves_with_path(value)
    with fails("nested too deeply"):
        tree.leaves(value, is_leaf=lambda x: False)


MISMATCHES = [
    ((1, 2), [1, 2], r"rest\[0\]: tuple of 2 against list of 2"),
    ((1, 2), (1, 2, 3), r"rest\[0\]: tuple of 2 against tuple of 3"),
    ({"w": (1, 2)}, {"w": [1, 2, 3]}, r"rest\[0\]\['w'\]: tuple of 2 against list of 3"),
    ({"a": 1, "b": 2}, {"a": 1, "c": 2}, r"dict with key 'b' against dict with key 'c'"),
    ({"a": 1}, {"a": 1, "c": 2, "d": 3}, r"dict with no such key against dict with keys 'c', 'd'"),
    ([{"x": [1]}], [{"x": 5.0}], r"rest\[0\]\[0\]\['x'\]: list of 1 against a leaf of type float"),
    ((1, None), (1, 3), r"rest\[0\]\[1\]: None against a leaf of type int"),
    (Point(1, 2), (1, 2), r"Point of 2 against tuple of 2"),
    (Point((1,), 2), Point(1, 2), r"rest\[0\].x: tuple of 1 against a leaf of type int"),
    (Layer(1, 2), Layer(1, 2, "relu"), r"Layer with static data \('tanh',\) against Layer with static data"),
    (Named(0, [1]), Named(0, (1,)), r"rest\[0\].high: list of 1 against tuple of 1"),
    ({"a": 1}, collections.OrderedDict(a=1), r"dict of 1 against OrderedDict of 1"),
    (
        collections.OrderedDict(a=1, b=1),
        collections.OrderedDict(b=1, a=1),
        r"OrderedDict with static data \('a', 'b'\) against OrderedDict with static data \('b', 'a'\)",
    ),
]


@pytest.mark.parametrize("left, right, message", MISMATCHES)
def test_map_names_the_place_where_trees_differ(left, right, message):
    for _ in range(OFTEN):
        with fails("tree_map: the structures differ at .*" + message):
            tree.map(lambda x, y: x, left, right)
    with fails("flatten_up_to: the structures differ at tree"):
        tree.structure(left).flatten_up_to(right)
    with fails("tree_map_with_path: the structures differ"):
        tree.map_with_path(lambda path, x, y: x, left, right)
    assert structure_difference(tree.structure(left), tree.structure(right), "carry").startswith("carry")


def test_mismatch_says_what_to_do():
    with fails("only at a leaf of the expected structure may there be anything"):
        tree.map(lambda x, y: x, (1, (2,)), (1, 2))
    with fails("is_leaf=lambda x: x is None makes None a leaf"):
        tree.map(lambda x, y: x, (1, None), (1, 2))


def test_structure_difference():
    a, b = tree.structure({"w": (0, [0])}), tree.structure({"w": (0, 0)})
    assert structure_difference(a, a) is None
    assert structure_difference(a, b, "carry[0]") == "carry[0]['w'][1]: list of 1 against a leaf"
    assert structure_difference(b, a) == "tree['w'][1]: a leaf against list of 1"


def test_prefix_errors():
    with fails(
        r"broadcast_prefix: not a prefix of the tree, at prefix_tree\[1\]: list of 1 against dict of 2"
    ):
        tree.broadcast((1, [2]), (1, {"a": 3, "b": 4}))
    with fails(r"at prefix_tree\[1\]: None against list of 1"):
        broadcast_prefix((1, None), (1, [2]))
    with fails("a prefix has the containers of the tree"):
        broadcast_prefix([1], 2)


def test_axes_errors():
    treedef = tree.structure((0, {"a": 0, "b": 0}))
    with fails(r"vmap in_axes: not a prefix of the values, at in_axes\[1\]: list of 2 against dict of 2"):
        flatten_axes("vmap in_axes", treedef, (0, [1, 2]))
    with fails(r"at in_axes: tuple of 3 against tuple of 2"):
        flatten_axes("vmap in_axes", treedef, (0, 1, 2))
    with fails(r"at out_axes\[0\]: tuple of 1 against a leaf"):
        flatten_axes("vmap out_axes", treedef, ((0,), None))
    with fails(r"values: PyTreeDef\(\(\*, \{'a': \*, 'b': \*\}\)\)"):
        flatten_axes("vmap in_axes", treedef, [0, 1])


def test_transpose_errors():
    outer, inner = tree.structure([0, 0]), tree.structure({"a": 0, "b": 0})
    with fails(r"tree_transpose: the structures differ at tree: list of 2 against list of 1"):
        tree.transpose(outer, inner, [{"a": 1, "b": 2}])
    with fails(r"the structures differ at tree\[1\]: dict with key 'b' against dict with key 'c'"):
        tree.transpose(outer, None, [{"a": 1, "b": 2}, {"a": 1, "c": 2}])
    with fails("every leaf of outer_treedef must hold a tree of the structure inner_treedef"):
        tree.transpose(outer, inner, [1, 2])
    with fails("tree_transpose: outer_treedef has no leaves"):
        tree.transpose(tree.structure([]), None, [])
    with fails("tree_transpose: outer_treedef must be a PyTreeDef, not a list"):
        tree.transpose([0, 0], inner, [])


def test_reduce_errors():
    with fails("tree_reduce: the tree has no leaves"):
        tree.reduce(max, [None, ()])
    with fails("pass identity= to say what they come to"):
        tree.reduce_associative(max, [])


def test_is_leaf_that_is_no_predicate():
    with fails("is_leaf returned a ndarray, not True or False"):
        tree.leaves([1, 2], is_leaf=lambda x: np.ones(2) == 1)


def test_registration_errors():
    with fails("Layer is registered as a pytree node already"):
        tree_util.register_dataclass(Layer)
    for kind in (tuple, dict, type(None), Partial):
        with fails(f"{kind.__name__} is registered as a pytree node already"):
            tree_util.register_pytree_node(kind, lambda x: ((), None), lambda data, xs: None)
    for register in (
        tree_util.register_static,
        tree_util.register_dataclass,
        tree_util.register_pytree_node_class,
        tree_util.register_pytree_with_keys_class,
        lambda kind: tree_util.register_pytree_node(kind, None, None),
        lambda kind: tree_util.register_pytree_with_keys(kind, None, None),
    ):
        with fails("expected a class, got 3"):
            register(3)
    with fails("flatten_one_level: int is not a type of containers"):
        tree_util.flatten_one_level(3)
    with fails("register the type: jaxlite.tree_util.register_dataclass"):
        tree_util.flatten_one_level_with_keys("x")
    with fails("int is not a type of containers"):
        PyTreeDef.from_node_data_and_children(None, (int, None), [])


def test_register_dataclass_errors():
    @dataclasses.dataclass
    class Model:
        a: int
        b: int
        c: int = dataclasses.field(default=0, init=False)

    register = functools.partial(tree_util.register_dataclass, Model)
    with fails(r"register_dataclass\(Model\): 'b' is neither in data_fields nor in meta_fields"):
        register(["a"], [])
    with fails("name it in drop_fields"):
        register([], [])
    with fails("'c', 'z' are not among the dataclass fields with init=True"):
        register(["a", "b"], ["c", "z"])
    with fails("'a' is named twice in data_fields and meta_fields"):
        register(["a", "b"], ["a"])
    with fails("data_fields and meta_fields are given together or not at all"):
        register(["a", "b"])
    with fails("NoDataclass"):
        tree_util.register_dataclass(type("NoDataclass", (), {}))
    assert tree_util.register_dataclass(Model) is Model


def test_flatten_functions_that_return_something_else():
    for result in ((1, 2), (1, 2, 3), None, [1]):
        kind = type("Bad", (), {})
        tree_util.register_pytree_node(kind, lambda x, result=result: result, lambda data, xs: None)
        with fails(r"the flatten function of Bad must return \(children, static data\)"):
            tree.flatten((kind(), 1))


def test_static_data_that_cannot_be_compared():
    first, second = (tree.structure(Box([1], np.ones(2))) for _ in range(2))
    with fails("static data of type ndarray of a registered pytree node cannot be compared"):
        assert first == second
    with fails("arrays belong among the children"):
        first.flatten_up_to(Box([1], np.ones(2)))


def test_errors_in_user_functions_pass_through():
    class Broken:
        pass

    def refuse(*_):
        raise KeyError("mine")

    tree_util.register_pytree_node(Broken, lambda x: ((1,), None), refuse)
    treedef = tree.structure((Broken(), {"a": 1}))
    for _ in range(OFTEN):
        with pytest.raises(KeyError, match="mine"):
            treedef.unflatten([1, 2])
        with pytest.raises(KeyError, match="mine"):
            tree.map(refuse, (1, 2))
