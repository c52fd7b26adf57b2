"""``jaxlite.scipy.spatial.transform``: against SciPy and JAX, and by finite differences."""

import itertools
import warnings

import numpy as np
import pytest
import scipy.spatial.transform

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.scipy.spatial.transform import Rotation, Slerp
from jaxlite.test_util import check_grads

Theirs = scipy.spatial.transform.Rotation
RNG = np.random.default_rng(12)
# The identity, nearly the identity, and beyond half a turn.
V = RNG.normal(size=(7, 3)) * np.array([0, 1e-5, 3, 1, 1, 1, 1])[:, None]
SEQUENCES = ["".join(t) for t in itertools.product("xyz", repeat=3) if t[0] != t[1] != t[2]]


def close(got, expected, atol=1e-14):
    np.testing.assert_allclose(got, expected, rtol=1e-13, atol=atol)


def test_every_name_of_jax_is_there(oracle):
    import jax.scipy.spatial.transform as theirs

    for name in ("Rotation", "Slerp"):
        public = {n for n in dir(getattr(theirs, name)) if not n.startswith("_")}
        # What named tuples have.
        ours = {"quat", "times", "timedelta", "rotations", "rotvecs"} | set(
            dir({"Rotation": Rotation, "Slerp": Slerp}[name])
        )
        assert public - ours <= {"count", "index"}


def test_forms():
    ours, theirs = Rotation.from_rotvec(V), Theirs.from_rotvec(V)
    for form in ("as_quat", "as_matrix", "as_rotvec", "as_mrp", "magnitude"):
        close(getattr(ours, form)(), getattr(theirs, form)())
        close(jaxlite.jit(lambda r, form=form: getattr(r, form)())(ours), getattr(theirs, form)())
        close(jaxlite.vmap(lambda r, form=form: getattr(r, form)())(ours), getattr(theirs, form)())
    close(ours.as_rotvec(degrees=True), theirs.as_rotvec(degrees=True), 1e-12)
    turned = Rotation(-ours.quat).as_quat(canonical=True, scalar_first=True)
    close(turned, theirs.as_quat(canonical=True, scalar_first=True))
    expected = theirs.as_matrix()
    for got in (
        Rotation.from_matrix(expected),
        Rotation.from_mrp(theirs.as_mrp()),
        Rotation.from_quat(3 * theirs.as_quat()),
        Rotation.from_quat(theirs.as_quat(scalar_first=True), scalar_first=True),
        Rotation.from_rotvec(np.rad2deg(V), degrees=True),
    ):
        close(got.as_matrix(), expected)
    assert Rotation.from_rotvec(V.astype(np.float32)).quat.dtype == np.float32


def test_half_turns_about_every_axis():
    for axis in (*np.eye(3), np.ones(3) / np.sqrt(3)):
        matrix = Theirs.from_rotvec(np.pi * axis).as_matrix()
        close(Rotation.from_matrix(matrix).as_matrix(), matrix)


def test_operations():
    ours, theirs = Rotation.from_rotvec(V), Theirs.from_rotvec(V)
    close((ours * ours[::-1]).as_matrix(), (theirs * theirs[::-1]).as_matrix())
    close(ours.inv().as_matrix(), theirs.inv().as_matrix())
    close((ours**2.5).as_matrix()[1:], (theirs[1:] ** 2.5).as_matrix())
    close(ours.apply(V), theirs.apply(V))
    close(ours.apply(V[3], inverse=True), theirs.apply(V[3], inverse=True))
    close(ours[3].apply(V), theirs[3].apply(V))
    weights = RNG.uniform(size=7)
    close(ours.mean().as_matrix(), theirs.mean().as_matrix())
    close(ours.mean(weights).as_matrix(), theirs.mean(weights).as_matrix())
    assert len(Rotation.concatenate([ours[0], ours])) == 8
    assert (ours.single, ours[2].single, len(ours)) == (False, True, 7)
    close(Rotation.identity(2).as_matrix(), np.stack([np.eye(3)] * 2))
    drawn = Rotation.random(jaxlite.random.key(0), 5000).as_matrix()
    close(np.mean(drawn, 0), np.zeros((3, 3)), 0.05)
    f = jaxlite.jit(lambda r, v: (r * r).apply(v))
    f(ours, V)
    before = counters.num_host_calls
    close(f(ours, V), (theirs * theirs).apply(V))
    assert counters.num_host_calls == before


@pytest.mark.parametrize("seq", [s for t in SEQUENCES for s in (t, t.upper())])
def test_angles(seq):
    angles = RNG.uniform(-1, 1, (5, 3))
    close(Rotation.from_euler(seq, angles).as_matrix(), Theirs.from_euler(seq, angles).as_matrix())
    close(Rotation.from_euler(seq, angles).as_euler(seq), Theirs.from_euler(seq, angles).as_euler(seq), 1e-13)
    ours, theirs = Rotation.from_rotvec(V[1:]), Theirs.from_rotvec(V[1:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(
            ours.as_euler(seq, degrees=True), theirs.as_euler(seq, degrees=True), atol=1e-6
        )
    # Where the first and the last axis are one.
    locked = Theirs.from_euler(seq, [[0.3, m, 0.4] for m in (0, np.pi / 2, -np.pi / 2, np.pi)])
    got = Rotation.from_matrix(locked.as_matrix()).as_euler(seq)
    close(Rotation.from_euler(seq, got).as_matrix(), locked.as_matrix(), 1e-6)


def test_one_axis_and_degrees():
    for angles in (90.0, [90.0], [[90.0], [20.0]]):
        got = Rotation.from_euler("Z", angles, degrees=True).as_matrix()
        close(got, Theirs.from_euler("Z", angles, degrees=True).as_matrix())


def test_interpolation(oracle):
    import jax.scipy.spatial.transform as jt

    rotations, t = Rotation.from_rotvec(V), np.array([0.0, 0.5, 2.0, 3.0, 4.0, 5.5, 6.0])
    at = RNG.uniform(0, 6, 20)
    theirs = scipy.spatial.transform.Slerp(t, Theirs.from_rotvec(V))
    for slerp in (Slerp(t, rotations), Slerp.init(t, rotations)):
        close(slerp(at).as_matrix(), theirs(at).as_matrix())
        close(jaxlite.jit(lambda s, at: s(at).as_matrix())(slerp, at), theirs(at).as_matrix())
    assert slerp(2.5).single
    reference = jt.Slerp.init(t, jt.Rotation.from_quat(rotations.as_quat()))
    np.testing.assert_allclose(
        slerp(np.array([-1.0, 7.0])).as_matrix()[0], reference(np.array([-1.0]))[0].as_matrix(), atol=1e-12
    )
    check_grads(
        lambda v, at: Slerp(t, Rotation.from_rotvec(v))(at).as_matrix(),
        (V, at),
        order=1,
        rtol=1e-4,
        atol=1e-4,
    )


def test_derivatives_at_the_identity_too():
    check_grads(lambda v: Rotation.from_rotvec(v).as_matrix(), (V,), order=2)
    check_grads(lambda v: Rotation.from_rotvec(v).as_rotvec(), (V[3:] / 2,), order=2)
    check_grads(lambda v: Rotation.from_rotvec(v).as_rotvec(), (V[:2],), order=2)
    check_grads(lambda m: Rotation.from_matrix(m).as_quat(), (Theirs.from_rotvec(V).as_matrix(),), order=1)
    check_grads(lambda v: Rotation.from_rotvec(v).as_euler("zyx"), (V[1:],), order=1)
    check_grads(lambda v, w: Rotation.from_rotvec(v).mean(w).as_matrix(), (V, np.ones(7)), order=1)
    np.testing.assert_array_equal(
        jaxlite.grad(lambda v: Rotation.from_rotvec(v).magnitude())(jnp.zeros(3)), np.zeros(3)
    )
    gradient = jaxlite.grad(lambda r: (r.apply(V[3:]) ** 3).sum())(Rotation.from_rotvec(V[3:]))
    assert isinstance(gradient, Rotation)


def test_errors():
    r = Rotation.from_rotvec(V)
    with pytest.raises(ArgumentError, match="Rotation: seq is 'xq'"):
        Rotation.from_euler("xq", [1.0, 2.0])
    with pytest.raises(ArgumentError, match="two rotations about one axis are one"):
        Rotation.from_euler("xxy", [1.0, 2.0, 3.0])
    with pytest.raises(ArgumentError, match="there are three angles"):
        r.as_euler("xy")
    with pytest.raises(ShapeError, match="'xyz' takes 3 of them"):
        Rotation.from_euler("xyz", [1.0, 2.0])
    with pytest.raises(ShapeError, match=r"Rotation.from_matrix: .*\n(.*\n)*.*real, \[..., 3, 3\]"):
        Rotation.from_matrix(np.ones((3, 2)))
    with pytest.raises(ShapeError, match="Rotation.apply: the operand has type f64"):
        r.apply(np.ones(4))
    with pytest.raises(ArgumentError, match="it has no parts to select"):
        r[0][0]
    with pytest.raises(TypeError, match="a single one has no length"):
        len(r[0])
    with pytest.raises(ShapeError, match="Rotation.mean"):
        r[0].mean()
    with pytest.raises(ShapeError, match="it takes a vector of two at least"):
        Slerp(np.array([0.0]), r[0])
    with pytest.raises(ShapeError, match="Slerp: the operand has type"):
        Slerp(np.arange(3.0), r)
    with pytest.raises(ArgumentError, match="times do not increase"):
        Slerp(np.zeros(7), r)


def test_parameters_of_single_precision_stay():
    rotation = Rotation.from_quat(np.array([0.1, 0.2, 0.3, -0.9], np.float32))
    assert rotation.as_mrp().dtype == np.float32
    np.testing.assert_allclose(rotation.as_mrp(), Rotation.from_quat(rotation.as_quat()).as_mrp(), rtol=1e-6)
