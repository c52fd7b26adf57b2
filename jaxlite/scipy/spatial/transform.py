"""``jaxlite.scipy.spatial.transform``: rotations in three dimensions, and interpolation between them.

Rotation.from_rotvec(v)  ->  the unit quaternion (sin(|v|/2)·v/|v|, cos(|v|/2)); r * s  ->  the product of quaternions

Rotations are pytrees whose one leaf is an array of quaternions. Derivatives are numbers at the identity too; where
angles jump there are none.

>>> r = jaxlite.scipy.spatial.transform.Rotation.from_euler("z", 90, degrees=True)
>>> r.apply(jnp.array([1.0, 0.0, 0.0])).round(12)
Array([0., 1., 0.], dtype=float64)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite import random
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy.linalg import eigh
from jaxlite.numpy.promotion import promote_inexact
from jaxlite.scipy._univariate import horner
from jaxlite.trace import Tracer, aval_of
from jaxlite.tree import register_pytree_node_class
from jaxlite.typing import Array, ArrayLike, DTypeLike

__all__ = ["Rotation", "Slerp"]


def _floats(name: str, x, *ends: int):
    """Return an array of real floats whose shape ends so."""
    (x,) = promote_inexact(name, jnp.asarray(x))
    x = jnp.asarray(x)
    if x.dtype.kind != "f" or x.shape[max(x.ndim - len(ends), 0) :] != ends:
        raise ShapeError(
            f"{name}: the operand has type {aval_of(x)}.",
            why=f"it is real, [..., {', '.join(map(str, ends))}].",
        )
    return x


def _norm(v):
    """The length of vectors; its derivative at 0 is 0."""
    square = jnp.sum(v * v, -1, keepdims=True)
    zero = square == 0
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, square)))


def _compose(p, q):
    """The product of quaternions, (x, y, z, w)."""
    u, v, a, b = p[..., :3], q[..., :3], p[..., 3:], q[..., 3:]
    vector = a * v + b * u + jnp.cross(u, v)
    return jnp.concatenate([vector, a * b - jnp.sum(u * v, -1, keepdims=True)], -1)


def _axes(seq: str) -> tuple[list[int], bool]:
    """Return the axes that a word names, and whether they turn with the body."""
    intrinsic = isinstance(seq, str) and set(seq) <= set("XYZ")
    if not isinstance(seq, str) or not 1 <= len(seq) <= 3 or not (intrinsic or set(seq) <= set("xyz")):
        raise ArgumentError(
            f"Rotation: seq is {seq!r:.40}.",
            why="it names one to three axes: of xyz, which stay, or of XYZ, which turn with the body.",
        )
    if any(a == b for a, b in zip(seq, seq[1:], strict=False)):
        raise ArgumentError(f"Rotation: seq is {seq!r}.", why="two rotations about one axis are one.")
    return ["xyz".index(letter) for letter in seq.lower()], intrinsic


@register_pytree_node_class
class Rotation:
    """Rotations in three dimensions, one or an array of them.

    Parameters
    ----------
    quat : f64[..., 4]
        Unit quaternions, (x, y, z, w); `from_quat` normalises them first.

    Attributes
    ----------
    quat : Array
    single : bool
        Whether it is one rotation.

    Notes
    -----
    ``r * s`` rotates by ``s`` first, ``r ** n`` turns ``n`` times as far, ``r[i]`` selects.

    Examples
    --------
    >>> from jaxlite.scipy.spatial.transform import Rotation
    >>> Rotation.from_rotvec(jnp.array([0.0, 0.0, 1.0])).as_euler("zyx")
    Array([1., 0., 0.], dtype=float64)
    """

    def __init__(self, quat):
        self.quat = quat

    def tree_flatten(self):
        """Return the quaternions, and nothing else."""
        return (self.quat,), None

    @classmethod
    def tree_unflatten(cls, aux, children):
        """Put a rotation together again."""
        return cls(*children)

    @classmethod
    def concatenate(cls, rotations: Sequence[Rotation]) -> Rotation:
        """Put rotations one after the other.

        Parameters
        ----------
        rotations : sequence of Rotation
            One of them, or vectors of them.

        Returns
        -------
        Rotation
        """
        return cls(jnp.concatenate([jnp.reshape(r.quat, (-1, 4)) for r in rotations]))

    @classmethod
    def from_euler(cls, seq: str, angles: ArrayLike, degrees: bool = False) -> Rotation:
        """Rotate about axes, one after the other.

        Parameters
        ----------
        seq : str
            One to three letters: of ``xyz`` for axes that stay, of ``XYZ`` for axes that turn with the body.
        angles : f64[..., k], or f64[] for one letter
            In radians.
        degrees : bool, default False
            Whether they are in degrees.

        Returns
        -------
        Rotation

        Raises
        ------
        ArgumentError
            For another ``seq``.
        ShapeError
            If there is not an angle for each letter.
        """
        axes, intrinsic = _axes(seq)
        angles = _floats("Rotation.from_euler", angles)
        angles = angles[None] if angles.ndim == 0 else angles
        if angles.shape[-1] != len(axes):
            raise ShapeError(
                f"Rotation.from_euler: angles have type {aval_of(angles)}.",
                why=f"{seq!r} takes {len(axes)} of them.",
            )
        half = 0.5 * (jnp.deg2rad(angles) if degrees else angles)
        total = None
        for i, axis in enumerate(axes):
            sine, cosine = jnp.sin(half[..., i]), jnp.cos(half[..., i])
            parts = [sine if axis == k else jnp.zeros_like(sine) for k in range(3)]
            turn = jnp.stack([*parts, cosine], -1)
            total = turn if total is None else _compose(total, turn) if intrinsic else _compose(turn, total)
        return cls(total)

    @classmethod
    def from_matrix(cls, matrix: ArrayLike) -> Rotation:
        """Take rotations from their matrices.

        Parameters
        ----------
        matrix : f64[..., 3, 3]
            Orthogonal, with determinant 1.

        Returns
        -------
        Rotation

        Raises
        ------
        ShapeError
            If ``matrix`` has another shape.

        Notes
        -----
        Of the four quotients that give a quaternion the one with the largest divisor [1]_.

        References
        ----------
        .. [1] F. L. Markley, "Unit quaternion from rotation matrix", J. Guidance, Control, Dynamics 31, 2008.
        """
        m = _floats("Rotation.from_matrix", matrix, 3, 3)
        diagonal = [m[..., i, i] for i in range(3)]
        trace = diagonal[0] + diagonal[1] + diagonal[2]
        differences = [m[..., (i + 2) % 3, (i + 1) % 3] - m[..., (i + 1) % 3, (i + 2) % 3] for i in range(3)]
        candidates = []
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            parts = [None] * 4
            parts[i] = 1 - trace + 2 * diagonal[i]
            parts[j] = m[..., j, i] + m[..., i, j]
            parts[k] = m[..., k, i] + m[..., i, k]
            parts[3] = differences[i]
            candidates.append(jnp.stack(parts, -1))
        candidates.append(jnp.stack([*differences, 1 + trace], -1))
        choice = jnp.argmax(jnp.stack([*diagonal, trace], -1), -1)
        every = jnp.stack(candidates, -2)
        return cls.from_quat(jnp.take_along_axis(every, choice[..., None, None], -2)[..., 0, :])

    @classmethod
    def from_mrp(cls, mrp: ArrayLike) -> Rotation:
        """Take rotations from modified Rodrigues parameters, tan(angle/4) times the axis.

        Parameters
        ----------
        mrp : f64[..., 3]

        Returns
        -------
        Rotation

        Raises
        ------
        ShapeError
            If ``mrp`` has another shape.
        """
        mrp = _floats("Rotation.from_mrp", mrp, 3)
        square = jnp.sum(mrp * mrp, -1, keepdims=True)
        return cls(jnp.concatenate([2 * mrp, 1 - square], -1) / (1 + square))

    @classmethod
    def from_quat(cls, quat: ArrayLike, *, scalar_first: bool = False) -> Rotation:
        """Take rotations from quaternions, which are normalised.

        Parameters
        ----------
        quat : f64[..., 4]
            (x, y, z, w).
        scalar_first : bool, default False
            Whether it is (w, x, y, z).

        Returns
        -------
        Rotation
            nan for quaternions that are 0.

        Raises
        ------
        ShapeError
            If ``quat`` has another shape.
        """
        quat = _floats("Rotation.from_quat", quat, 4)
        quat = jnp.roll(quat, -1, -1) if scalar_first else quat
        return cls(quat / _norm(quat))

    @classmethod
    def from_rotvec(cls, rotvec: ArrayLike, degrees: bool = False) -> Rotation:
        """Rotate about vectors, by their lengths.

        Parameters
        ----------
        rotvec : f64[..., 3]
            In radians.
        degrees : bool, default False
            Whether they are in degrees.

        Returns
        -------
        Rotation

        Raises
        ------
        ShapeError
            If ``rotvec`` has another shape.
        """
        v = _floats("Rotation.from_rotvec", rotvec, 3)
        v = jnp.deg2rad(v) if degrees else v
        square = 0.25 * jnp.sum(v * v, -1, keepdims=True)
        # sin(√s)/√s and cos(√s) are smooth in s, and roots are not.
        small = square < 0.25
        near = jnp.where(small, square, 0)
        root = jnp.sqrt(jnp.where(small, 1, square))
        sinc = horner([(-1.0) ** k / math.factorial(2 * k + 1) for k in range(8)], near)
        cosine = horner([(-1.0) ** k / math.factorial(2 * k) for k in range(8)], near)
        scale = jnp.where(small, sinc, jnp.sin(root) / root)
        return cls(jnp.concatenate([0.5 * scale * v, jnp.where(small, cosine, jnp.cos(root))], -1))

    @classmethod
    def identity(cls, num: int | None = None, dtype: DTypeLike = float) -> Rotation:
        """Return rotations that change nothing.

        Parameters
        ----------
        num : int, optional
            How many; by default one, and no vector of them.
        dtype : dtype, default float64

        Returns
        -------
        Rotation
        """
        unit = jnp.array([0, 0, 0, 1], dtype=dtype)
        return cls(unit if num is None else jnp.tile(unit, (num, 1)))

    @classmethod
    def random(cls, random_key, num: int | None = None) -> Rotation:
        """Draw rotations, each as likely as any other.

        Parameters
        ----------
        random_key : key
            Of `jaxlite.random`.
        num : int, optional
            How many; by default one, and no vector of them.

        Returns
        -------
        Rotation
        """
        return cls.from_quat(random.normal(random_key, (4,) if num is None else (num, 4), np.float64))

    @property
    def single(self) -> bool:
        """Whether it is one rotation, and no vector of them."""
        return self.quat.ndim == 1

    def __repr__(self):
        return f"Rotation({aval_of(self.quat)})"

    def __getitem__(self, indexer) -> Rotation:
        if self.single:
            raise ArgumentError("Rotation: it is a single one.", why="it has no parts to select.")
        return Rotation(self.quat[indexer])

    def __len__(self) -> int:
        if self.single:
            raise TypeError("Rotation: a single one has no length.")
        return self.quat.shape[0]

    def __mul__(self, other: Rotation) -> Rotation:
        return Rotation.from_quat(_compose(self.quat, other.quat))

    def __pow__(self, n: ArrayLike) -> Rotation:
        return Rotation.from_rotvec(jnp.asarray(n)[..., None] * self.as_rotvec())

    def apply(self, vectors: ArrayLike, inverse: bool = False) -> Array:
        """Rotate vectors.

        Parameters
        ----------
        vectors : f64[..., 3]
            They broadcast against the rotations.
        inverse : bool, default False
            Whether to rotate back.

        Returns
        -------
        Array
            f64[..., 3]

        Raises
        ------
        ShapeError
            If ``vectors`` have another shape.
        """
        vectors = _floats("Rotation.apply", vectors, 3)
        matrix = self.as_matrix()
        matrix = jnp.swapaxes(matrix, -1, -2) if inverse else matrix
        return jnp.matmul(matrix, vectors[..., None])[..., 0]

    def as_euler(self, seq: str, degrees: bool = False) -> Array:
        """Return angles about three axes.

        Parameters
        ----------
        seq : str
            As for `from_euler`, three letters.
        degrees : bool, default False
            Whether to return degrees.

        Returns
        -------
        Array
            f64[..., 3], in [-π, π]. Where the first and the last angle turn about one axis, the last one is 0.

        Raises
        ------
        ArgumentError
            For another ``seq``.

        Notes
        -----
        A direct method for all sequences [1]_.

        References
        ----------
        .. [1] E. Bernardes, S. Viollet, "Quaternion to Euler angles conversion: a direct, general and computationally
           efficient method", PLoS ONE 17, 2022.
        """
        axes, intrinsic = _axes(seq)
        if len(axes) != 3:
            raise ArgumentError(f"Rotation.as_euler: seq is {seq!r}.", why="there are three angles.")
        i, j, k = axes[::-1] if intrinsic else axes
        symmetric = i == k
        k = 3 - i - j if symmetric else k
        sign = (i - j) * (j - k) * (k - i) // 2
        q = [self.quat[..., n] for n in range(4)]
        if symmetric:
            a, b, c, d = q[3], q[i], q[j], sign * q[k]
        else:
            a, b, c, d = q[3] - q[j], q[i] + sign * q[k], q[j] + q[3], sign * q[k] - q[i]
        middle = 2 * jnp.arctan2(jnp.hypot(c, d), jnp.hypot(a, b))
        half_sum, half_difference = jnp.arctan2(b, a), jnp.arctan2(d, c)
        at_zero, at_half_turn = jnp.abs(middle) <= 1e-7, jnp.abs(middle - math.pi) <= 1e-7
        is_locked = at_zero | at_half_turn
        locked = jnp.where(at_zero, 2 * half_sum, 2 * half_difference * (1 if intrinsic else -1))
        first, third = half_sum - half_difference, half_sum + half_difference
        # About axes that turn, the order is the other one.
        first, third = (third, first) if intrinsic else (first, third)
        first, third = jnp.where(is_locked, locked, first), jnp.where(is_locked, 0, third)
        if not symmetric:
            middle = middle - 0.5 * math.pi
            first, third = (first * sign, third) if intrinsic else (first, third * sign)
        angles = jnp.stack([first, middle, third], -1)
        angles = jnp.mod(angles + math.pi, 2 * math.pi) - math.pi
        return jnp.rad2deg(angles) if degrees else angles

    def as_matrix(self) -> Array:
        """Return rotation matrices.

        Returns
        -------
        Array
            f64[..., 3, 3]
        """
        x, y, z, w = (self.quat[..., n] for n in range(4))
        rows = [
            [x * x - y * y - z * z + w * w, 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), -x * x + y * y - z * z + w * w, 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), -x * x - y * y + z * z + w * w],
        ]
        return jnp.stack([jnp.stack(row, -1) for row in rows], -2)

    def as_mrp(self) -> Array:
        """Return modified Rodrigues parameters, tan(angle/4) times the axis.

        Returns
        -------
        Array
            f64[..., 3]
        """
        q = jnp.where(self.quat[..., 3:] < 0, -self.quat, self.quat)
        return q[..., :3] / (1 + q[..., 3:])

    def as_rotvec(self, degrees: bool = False) -> Array:
        """Return the axes, as long as the angles.

        Parameters
        ----------
        degrees : bool, default False
            Whether to return degrees.

        Returns
        -------
        Array
            f64[..., 3], of lengths up to π.
        """
        quat = jnp.where(self.quat[..., 3:] < 0, -self.quat, self.quat)
        v, w = quat[..., :3], quat[..., 3:]
        square = jnp.sum(v * v, -1, keepdims=True)
        # arctan(√t)/√t is smooth in t, and roots are not.
        small = square < 0.01 * w * w
        ratio = jnp.where(small, square, 0) / jnp.where(small, w * w, 1)
        near = horner([(-1.0) ** n / (2 * n + 1) for n in range(10)], ratio) / jnp.where(small, w, 1)
        root = jnp.sqrt(jnp.where(small, 1, square))
        scale = 2 * jnp.where(small, near, jnp.arctan2(root, w) / root)
        return (jnp.rad2deg(scale) if degrees else scale) * v

    def as_quat(self, canonical: bool = False, scalar_first: bool = False) -> Array:
        """Return unit quaternions.

        Parameters
        ----------
        canonical : bool, default False
            Whether to choose, of the two for each rotation, the one whose last part that is not 0 is positive, from w
            over x and y to z.
        scalar_first : bool, default False
            Whether to return (w, x, y, z) instead of (x, y, z, w).

        Returns
        -------
        Array
            f64[..., 4]
        """
        quat = self.quat
        if canonical:
            x, y, z, w = (quat[..., n : n + 1] for n in range(4))
            leading = jnp.where(w != 0, w, jnp.where(x != 0, x, jnp.where(y != 0, y, z)))
            quat = jnp.where(leading < 0, -quat, quat)
        return jnp.roll(quat, 1, -1) if scalar_first else quat

    def inv(self) -> Rotation:
        """Return rotations back.

        Returns
        -------
        Rotation
        """
        return Rotation(self.quat * jnp.array([-1, -1, -1, 1], dtype=self.quat.dtype))

    def magnitude(self) -> Array:
        """Return the angles.

        Returns
        -------
        Array
            f64[...], from 0 to π; the derivative at the identity is 0.
        """
        return 2 * jnp.arctan2(_norm(self.quat[..., :3])[..., 0], jnp.abs(self.quat[..., 3]))

    def mean(self, weights: ArrayLike | None = None) -> Rotation:
        """Return the rotation from which the sum of squared distances (of matrices) is the least.

        Parameters
        ----------
        weights : f64[n], optional

        Returns
        -------
        Rotation

        Raises
        ------
        ShapeError
            If it is a single rotation, or there is not a weight for each.
        """
        if self.quat.ndim != 2:
            raise ShapeError(
                f"Rotation.mean: the quaternions have type {aval_of(self.quat)}.", why="it is for vectors."
            )
        n = self.quat.shape[0]
        weights = jnp.ones(n, self.quat.dtype) if weights is None else _floats("Rotation.mean", weights, n)
        _, vectors = eigh(jnp.matmul(self.quat.T * weights, self.quat))
        return Rotation(vectors[:, -1])


@register_pytree_node_class
class Slerp:
    """Interpolate between rotations, at constant angular velocity from one to the next.

    Parameters
    ----------
    times : f64[n]
        They increase.
    rotations : Rotation
        A vector of ``n`` of them, two at least.

    Attributes
    ----------
    times, timedelta, rotvecs : Array
    rotations : Rotation

    Raises
    ------
    ArgumentError
        If ``times`` are known and do not increase.
    ShapeError
        If the shapes do not fit.

    Notes
    -----
    Differs from JAX: the constructor takes what SciPy's does, and `init` the same. Beyond the times the first and the
    last motion go on.

    Examples
    --------
    >>> from jaxlite.scipy.spatial.transform import Rotation, Slerp
    >>> slerp = Slerp(jnp.array([0.0, 2.0]), Rotation.from_euler("z", jnp.array([[0.0], [1.0]])))
    >>> slerp(0.5).magnitude()
    Array(0.25, dtype=float64)
    """

    def __init__(self, times, rotations: Rotation):
        if not isinstance(rotations, Rotation) or rotations.quat.ndim != 2 or len(rotations) < 2:
            raise ShapeError(
                f"Slerp: rotations are {rotations!r:.60}.", why="it takes a vector of two at least."
            )
        times = _floats("Slerp", times, len(rotations))
        if not isinstance(times, Tracer) and not np.all(np.diff(np.asarray(times)) > 0):
            raise ArgumentError("Slerp: times do not increase.", why="one rotation follows the other.")
        self.times, self.timedelta = times, jnp.diff(times)
        self.rotations = rotations[:-1]
        self.rotvecs = (self.rotations.inv() * rotations[1:]).as_rotvec()

    @classmethod
    def init(cls, times: ArrayLike, rotations: Rotation) -> Slerp:
        """Return an interpolation, as the constructor does.

        Parameters
        ----------
        times : f64[n]
        rotations : Rotation

        Returns
        -------
        Slerp
        """
        return cls(times, rotations)

    def tree_flatten(self):
        """Return the arrays, and nothing else."""
        return (self.times, self.timedelta, self.rotations, self.rotvecs), None

    @classmethod
    def tree_unflatten(cls, aux, children):
        """Put an interpolation together again."""
        slerp = object.__new__(cls)
        slerp.times, slerp.timedelta, slerp.rotations, slerp.rotvecs = children
        return slerp

    def __call__(self, times: ArrayLike) -> Rotation:
        """Return the rotations at given times.

        Parameters
        ----------
        times : f64[m], or a number

        Returns
        -------
        Rotation
        """
        times = _floats("Slerp", times)
        last = self.timedelta.shape[0] - 1
        place = jnp.clip(jnp.searchsorted(self.times, times) - 1, 0, last)
        part = (times - self.times[place]) / self.timedelta[place]
        return self.rotations[place] * Rotation.from_rotvec(self.rotvecs[place] * part[..., None])
