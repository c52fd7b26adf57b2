"""Keys: what a random function draws its numbers from.

    PRNGKey(42)   [0, 42], an ordinary array u32[2]
    key(42)       the same two words as a `KeyArray`: one element of shape (), which arithmetic refuses

A `KeyArray` is a node of trees that holds u32[..., 2], so that programs hold nothing but arrays of numbers, and jit,
vmap, scan and the others take keys without knowing of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.dtypes import PRNG_KEY, KeyDType
from jaxlite.errors import ArgumentError, DtypeError, IntegerRangeError, ShapeError
from jaxlite.numpy.promotion import canonical_axes, canonical_shape, dtype_or, operand
from jaxlite.ops import elementwise, structural
from jaxlite.ops.random_bits import U32, U64, random_bits
from jaxlite.random.drawing import run
from jaxlite.trace import Tracer, aval_of
from jaxlite.tree import register_pytree_node
from jaxlite.typing import Array, ArrayLike

IMPLEMENTATION = "threefry2x32"
_ZERO = np.uint64(0)


class KeyArray:
    """An array of keys.

    Parameters
    ----------
    data : array
        u32[..., 2]

    Attributes
    ----------
    shape, ndim, size
        Of the keys, without the last axis of the data.
    dtype : KeyDType
        Prints ``key<fry>``; ``jnp.issubdtype(k.dtype, jaxlite.dtypes.prng_key)`` holds.

    Notes
    -----
    Indexing, iterating, ``reshape``, ``ravel``, ``flatten``, ``squeeze``, ``transpose`` and ``==`` work on keys, and
    ``jnp`` functions do not. A tree with keys has their data as leaves: ``in_axes`` of ``vmap`` counts from the front.

    Examples
    --------
    >>> keys = jaxlite.random.split(jaxlite.random.key(0), 3)
    >>> keys.shape, keys[0].shape, keys.dtype
    ((3,), (), key<fry>)
    """

    __slots__ = ("_data",)
    __hash__ = None
    # NumPy leaves arithmetic with arrays to this class, which has none.
    __array_ufunc__ = None

    def __init__(self, data):
        self._data = data

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape[:-1]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self._data.size // 2

    @property
    def dtype(self) -> KeyDType:
        return PRNG_KEY

    @property
    def T(self) -> KeyArray:
        return self.transpose()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a single key.")
        return self.shape[0]

    def __iter__(self):
        if not self.shape:
            raise TypeError("a single key is not iterable: split makes more of it.")
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, index) -> KeyArray:
        index = index if isinstance(index, tuple) else (index,)
        # The two words of a key stay together.
        full = index if any(i is Ellipsis for i in index) else (*index, Ellipsis)
        return KeyArray(self._data[(*full, slice(None))])

    def reshape(self, *shape) -> KeyArray:
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
        return KeyArray(jnp.reshape(self._data, (*shape, 2)))

    def ravel(self) -> KeyArray:
        return self.reshape(self.size)

    flatten = ravel

    def squeeze(self, axis: int | Sequence[int] | None = None) -> KeyArray:
        if axis is None:
            axes = tuple(d for d, n in enumerate(self.shape) if n == 1)
        else:
            axes = canonical_axes(axis, self.ndim)
        return KeyArray(jnp.squeeze(self._data, axes))

    def transpose(self, *axes) -> KeyArray:
        axes = axes[0] if len(axes) == 1 and isinstance(axes[0], Sequence) else axes
        axes = canonical_axes(tuple(axes), self.ndim) if axes else tuple(reversed(range(self.ndim)))
        return KeyArray(jnp.transpose(self._data, (*axes, self.ndim)))

    def block_until_ready(self) -> KeyArray:
        return self

    def __eq__(self, other):
        if not isinstance(other, KeyArray):
            return NotImplemented
        return jnp.all(jnp.equal(self._data, other._data), axis=-1)

    def __ne__(self, other):
        if not isinstance(other, KeyArray):
            return NotImplemented
        return jnp.any(jnp.not_equal(self._data, other._data), axis=-1)

    def __array__(self, dtype=None, copy=None):
        raise DtypeError(
            "a key is no NumPy array.",
            why="its words mean nothing as numbers.",
            fix="jaxlite.random.key_data(key) gives them; jaxlite.random functions take the key itself.",
        )

    def __repr__(self) -> str:
        words = self._data if isinstance(self._data, Tracer) else np.asarray(self._data)
        return f"Array({self.shape}, dtype={self.dtype}) overlaying:\n{words}"


def _flatten(keys: KeyArray):
    return (keys._data,), None


register_pytree_node(KeyArray, _flatten, lambda _, children: KeyArray(*children))


# --- what functions take ------------------------------------------------------------------------------


def _check_impl(name: str, *impls) -> None:
    """Refuse any generator but the one there is."""
    given = [impl for impl in impls if impl is not None]
    if len(given) > 1:
        raise ArgumentError(f"{name}: both impl and dtype are given.", fix="pass one of them.")
    for impl in given:
        if not (isinstance(impl, KeyDType) or impl == IMPLEMENTATION):
            raise ArgumentError(
                f"{name}: there is no generator {impl!r}.",
                why=f"jaxlite has one, {IMPLEMENTATION!r}, whose bits are the same everywhere.",
                fix="leave impl out.",
            )


def data_of(name: str, keys) -> tuple:
    """Return the words of keys, u32[..., 2], and whether they came as an ordinary array."""
    if isinstance(keys, KeyArray):
        return operand(name, keys._data), False
    if not isinstance(keys, Tracer | np.ndarray):
        raise DtypeError(
            f"{name} takes a key, not {type(keys).__name__} {keys!r:.60}.",
            fix="make one: key = jaxlite.random.key(0).",
        )
    aval = aval_of(keys)
    if aval.dtype != U32 or aval.shape[-1:] != (2,):
        raise DtypeError(
            f"{name} takes a key, not {aval}.",
            why="the words of keys are u32, and the last axis has size 2.",
            fix="make one: key = jaxlite.random.key(0).",
        )
    return operand(name, keys), True


def single(name: str, key) -> tuple:
    """As `data_of`, of one key."""
    data, is_plain = data_of(name, key)
    shape = aval_of(data).shape
    if len(shape) != 1:
        raise ShapeError(
            f"{name} takes one key, but was given keys of shape {shape[:-1]}.",
            why="a result for each of them has another shape.",
            fix=f"jaxlite.vmap(jaxlite.random.{name})(keys), or one of them: keys[0].",
        )
    return data, is_plain


def _like(data, is_plain: bool):
    return data if is_plain else KeyArray(data)


def words(pairs):
    """Split u64[...] into u32[..., 2], the upper half first."""
    if not isinstance(pairs, Tracer):
        pairs = np.asarray(pairs)
        out = np.empty((*pairs.shape, 2), U32)
        out[..., 0] = pairs >> np.uint64(32)
        out[..., 1] = pairs & np.uint64(0xFFFFFFFF)
        return Array.of(out)
    upper = elementwise.shift_right_logical(pairs, np.uint64(32))
    return jnp.stack([elementwise.convert_element_type(x, U32) for x in (upper, pairs)], axis=-1)


def split_data(data, *shape: int):
    """Return u32[*shape, 2], keys made of one."""
    return words(random_bits(data, _ZERO, 64, shape))


def halves(data, count: int = 2) -> list:
    """Return ``count`` keys made of one, as a list."""
    keys = split_data(data, count)
    return [keys[i] for i in range(count)]


def bits_of(data, bit_width: int, shape: tuple[int, ...]):
    """Return random bits of a single key, given by its words."""
    return random_bits(data, _ZERO, bit_width, shape)


# --- for users ----------------------------------------------------------------------------------------


def _seeded(name: str, seed):
    if isinstance(seed, KeyArray):
        raise DtypeError(f"{name} takes a number, and was given a key.", fix="use the key as it is.")
    if type(seed) in (bool, int):
        if not -(1 << 63) <= seed < 1 << 63:
            raise IntegerRangeError(
                f"{name}: the seed {seed} does not fit into 64 bits.", fix="take its remainder: seed % 2**63."
            )
        seed = np.int64(seed)
    seed = operand(name, seed)
    aval = aval_of(seed)
    if aval.shape:
        raise ShapeError(
            f"{name} takes one seed, but was given {aval}.",
            fix=f"jaxlite.vmap(jaxlite.random.{name})(seeds).",
        )
    if aval.dtype.kind not in "iu":
        raise DtypeError(f"{name} takes an integer, not {aval}.", fix="int(seed).")
    # Of 32 bits or less the upper word is zero, also where they are negative.
    wide = elementwise.convert_element_type(seed, U64)
    return words(wide if aval.dtype.itemsize == 8 else elementwise.bitwise_and(wide, np.uint64(0xFFFFFFFF)))


def PRNGKey(seed: int | ArrayLike, *, impl=None) -> Array:
    """Make a key of a number, as an ordinary array.

    Parameters
    ----------
    seed : int or integer array
        i64[] or u64[]; of Python's integers those of 64 bits.
    impl : {"threefry2x32"}, optional

    Returns
    -------
    Array
        u32[2], upper and lower half of the seed.

    Raises
    ------
    ShapeError
        If the seed is an array with axes.
    DtypeError
        If it is no integer.

    Notes
    -----
    `key` makes one that arithmetic refuses.

    Examples
    --------
    >>> jaxlite.random.PRNGKey(42)
    Array([ 0, 42], dtype=uint32)
    """
    _check_impl("PRNGKey", impl)
    return _seeded("PRNGKey", seed)


def key(seed: int | ArrayLike, *, impl=None, dtype=None) -> KeyArray:
    """Make a key of a number.

    Parameters
    ----------
    seed : int or integer array
        i64[] or u64[]; of Python's integers those of 64 bits.
    impl : {"threefry2x32"}, optional
    dtype : KeyDType, optional
        Says the same as ``impl``.

    Returns
    -------
    KeyArray
        key[]

    Raises
    ------
    ShapeError
        If the seed is an array with axes.
    DtypeError
        If it is no integer.

    Examples
    --------
    >>> jaxlite.random.normal(jaxlite.random.key(42), (3,))
    Array([-0.18471175, -2.16982456,  0.18693555], dtype=float64)
    """
    _check_impl("key", impl, dtype)
    return KeyArray(_seeded("key", seed))


def split(key: ArrayLike, num: int | Sequence[int] = 2) -> Array:
    """Make several keys of one, which is not to be used again.

    Parameters
    ----------
    key : key
    num : int or sequence of int, default 2
        How many, or their shape.

    Returns
    -------
    KeyArray or Array
        key[*num], or u32[*num, 2] where the key is an ordinary array.

    Notes
    -----
    Key ``i`` is what threefry2x32 makes of ``i``; the first keys do not depend on ``num``.

    Examples
    --------
    >>> jaxlite.random.split(jaxlite.random.PRNGKey(42))
    Array([[1832780943,  270669613],
           [  64467757, 2916123636]], dtype=uint32)
    """
    data, is_plain = single("split", key)
    shape = (num,) if not isinstance(num, Sequence) else num
    return _like(split_data(data, *canonical_shape(tuple(shape))), is_plain)


def fold_in(key: ArrayLike, data: ArrayLike) -> Array:
    """Make a key of a key and a number.

    Parameters
    ----------
    key : key
    data : int or array
        i64[] or another dtype; its lowest 32 bits count. A Python integer must have no more.

    Returns
    -------
    KeyArray or Array
        key[], or u32[2] where the key is an ordinary array.

    Raises
    ------
    ShapeError
        If ``data`` has axes.
    OverflowError
        If a Python integer is negative or has more than 32 bits.

    Notes
    -----
    Equal to ``split(key, n)[data]`` for any ``n`` that is large enough.

    Examples
    --------
    >>> key = jaxlite.random.PRNGKey(0)
    >>> jaxlite.random.fold_in(key, 1)
    Array([ 928981903, 3453687069], dtype=uint32)
    """
    words_of_key, is_plain = single("fold_in", key)
    if type(data) is int:
        if not 0 <= data < 1 << 32:
            raise IntegerRangeError(
                f"fold_in: {data} does not fit into 32 bits without a sign.", fix="data % 2**32."
            )
        data = np.uint32(data)
    number = operand("fold_in", data, 1)
    if aval_of(number).shape:
        raise ShapeError(
            f"fold_in takes one number, but was given {aval_of(number)}.",
            fix="jaxlite.vmap(jaxlite.random.fold_in, in_axes=(None, 0))(key, data).",
        )
    if aval_of(number).dtype.kind not in "iu":
        number = elementwise.convert_element_type(number, np.dtype(np.int64))
    counter = elementwise.convert_element_type(elementwise.convert_element_type(number, U32), U64)
    return _like(words(random_bits(words_of_key, counter, 64, ())), is_plain)


def key_data(keys: ArrayLike) -> Array:
    """Return the words of keys.

    Parameters
    ----------
    keys : key
        Of any shape.

    Returns
    -------
    Array
        u32[..., 2]

    Examples
    --------
    >>> jaxlite.random.key_data(jaxlite.random.key(7))
    Array([0, 7], dtype=uint32)
    """
    data, _ = data_of("key_data", keys)
    return jnp.asarray(data)


def wrap_key_data(key_bits_array: ArrayLike, *, impl=None, dtype=None) -> KeyArray:
    """Make keys of their words.

    Parameters
    ----------
    key_bits_array : array
        u32[..., 2]
    impl : {"threefry2x32"}, optional
    dtype : KeyDType, optional
        Says the same as ``impl``.

    Returns
    -------
    KeyArray
        key[...]

    Examples
    --------
    >>> jaxlite.random.wrap_key_data(jaxlite.random.PRNGKey(7)).shape
    ()
    """
    _check_impl("wrap_key_data", impl, dtype)
    data, _ = data_of("wrap_key_data", key_bits_array)
    return KeyArray(jnp.asarray(data))


def clone(key: ArrayLike) -> Array:
    """Return the key, to be used once more on purpose.

    Parameters
    ----------
    key : key
        Of any shape.

    Returns
    -------
    KeyArray or Array
        The same words.
    """
    data, is_plain = data_of("clone", key)
    return _like(structural.copy(data) if isinstance(data, Tracer) else jnp.array(data), is_plain)


def key_impl(keys: ArrayLike) -> str:
    """Return the name of the generator that keys are for.

    Parameters
    ----------
    keys : key

    Returns
    -------
    str
        ``"threefry2x32"``
    """
    data_of("key_impl", keys)
    return IMPLEMENTATION


def key_dtype(impl_spec=None) -> KeyDType:
    """Return the dtype of keys.

    Parameters
    ----------
    impl_spec : {"threefry2x32"}, optional

    Returns
    -------
    KeyDType
        ``key<fry>``
    """
    _check_impl("key_dtype", impl_spec)
    return PRNG_KEY


def bits(key: ArrayLike, shape: Sequence[int] = (), dtype=None, *, out_sharding=None) -> Array:
    """Draw random bits.

    Parameters
    ----------
    key : key
    shape : sequence of int, default ()
    dtype : dtype, default uint64
        u8, u16, u32 or u64.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``, each number equally likely.

    Raises
    ------
    ArgumentError
        If ``dtype`` is no unsigned integer.

    Notes
    -----
    Element ``i``, counted in row-major order, is threefry2x32 of ``i`` [1]_: the bits are those of JAX, on every
    machine, and the first elements do not depend on the size.

    References
    ----------
    .. [1] Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> jaxlite.random.bits(jaxlite.random.key(0), (2,), "uint8")
    Array([167, 146], dtype=uint8)
    """
    data, _ = single("bits", key)
    dtype = dtype_or(dtype, U64)
    if dtype.kind != "u":
        raise ArgumentError(
            f"bits: dtype {dtype} is no unsigned integer.", fix='dtype="uint32", for example.'
        )
    return run(_bits, canonical_shape(shape), data, dtype=dtype)


def _bits(data, *, shape, dtype):
    return bits_of(data, 8 * dtype.itemsize, shape)
