"""``Array``: NumPy and SciPy take it as it is, nothing writes into it, and code for arrays reads the same.

y = jit(np.sin)(x);  y + 1, np.gradient(y), scipy.optimize.minimize(f, y)      work
y[0] = 1, y.sort(), np.copyto(y, 0), np.sin(x, out=y), y.flat[0] = 1           never change y
"""

from __future__ import annotations

import copy
import io
import operator
import pickle

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.array import Array
from jaxlite.errors import DtypeError, InplaceUpdateError

VALUES = np.array([3.0, 1.0, 2.0])


@pytest.fixture
def x() -> Array:
    return jnp.asarray(VALUES.copy())


@pytest.fixture
def m() -> Array:
    return jnp.asarray(np.arange(6.0).reshape(2, 3))


def assert_same(got, expected) -> None:
    """Compare structure, dtypes and values; arrays on the left must be `Array`."""
    if isinstance(expected, tuple | list):
        assert len(got) == len(expected)
        for a, b in zip(got, expected, strict=True):
            assert_same(a, b)
        return
    if isinstance(expected, np.ndarray | np.generic):
        assert type(got) is Array
        assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


# --- NumPy's functions --------------------------------------------------------------------------------

# Functions of a vector, several of which make an empty_like and write into it.
OF_A_VECTOR = {
    "gradient": np.gradient,
    "piecewise": lambda a: np.piecewise(a, [a < 2.0, a >= 2.0], [lambda v: v * 2.0, 0.0]),
    "roll": lambda a: np.roll(a, 1),
    "select": lambda a: np.select([a > 1.0], [a], 0.0),
    "interp": lambda a: np.interp(a, [1.0, 2.0, 3.0], a),
    "histogram": np.histogram,
    "unique": lambda a: tuple(np.unique(a, return_counts=True)),
    "split": lambda a: np.split(a, 3),
    "pad": lambda a: np.pad(a, 1),
    "insert": lambda a: np.insert(a, 1, 5.0),
    "delete": lambda a: np.delete(a, 1),
    "append": lambda a: np.append(a, 1.0),
    "meshgrid": lambda a: np.meshgrid(a, a),
    "vectorize": lambda a: np.vectorize(lambda v: v + 1.0)(a),
    "fft": np.fft.fft,
    "polyfit": lambda a: np.polyfit(a, a**2, 2),
    "polyval": lambda a: np.polyval([1.0, 2.0], a),
    "convolve": lambda a: np.convolve(a, a),
    "trapezoid": np.trapezoid,
    "digitize": lambda a: np.digitize(a, [1.5, 2.5]),
    "searchsorted": lambda a: np.searchsorted(np.arange(4.0), a),
    "cov": np.cov,
    "sort": np.sort,
    "argsort": np.argsort,
    "quantile": lambda a: np.quantile(a, 0.3),
    "median overwriting": lambda a: np.median(a, overwrite_input=True),
    "percentile overwriting": lambda a: np.percentile(a, 40.0, overwrite_input=True),
    "isin": lambda a: np.isin(a, [1.0]),
    "einsum": lambda a: np.einsum("i,i", a, a),
    "add.reduce": np.add.reduce,
    "add.accumulate": np.add.accumulate,
    "add.reduceat": lambda a: np.add.reduceat(a, [0, 1]),
    "multiply.outer": lambda a: np.multiply.outer(a, a),
    "modf": np.modf,
    "frexp": np.frexp,
    "divmod": lambda a: divmod(a, 2.0),
    "nan_to_num": np.nan_to_num,
    "clip": lambda a: np.clip(a, 0.0, 2.0),
    "block": lambda a: np.block([a, a]),
    "choose": lambda a: np.choose([0, 1, 0], [a, a + 1.0]),
    "broadcast_to": lambda a: np.broadcast_to(a, (2, 3)),
    "diff": np.diff,
    "cumsum": np.cumsum,
    "trim_zeros": np.trim_zeros,
    "sliding_window_view": lambda a: np.lib.stride_tricks.sliding_window_view(a, 2),
}
OF_A_MATRIX = {
    "nanmedian": lambda a: np.nanmedian(a, axis=1),
    "nanpercentile": lambda a: np.nanpercentile(a, 30.0, axis=0),
    "apply_along_axis": lambda a: np.apply_along_axis(lambda row: row * 2.0, 1, a),
    "apply_over_axes": lambda a: np.apply_over_axes(np.sum, a, [0]),
    "roll": lambda a: np.roll(a, 1, axis=0),
    "gradient": np.gradient,
    "svd": lambda a: tuple(np.linalg.svd(a)),
    "lstsq": lambda a: np.linalg.lstsq(a, np.ones(2), rcond=None)[0],
    "take_along_axis": lambda a: np.take_along_axis(a, np.array([[0], [1]]), 1),
    "tril": np.tril,
    "rot90": np.rot90,
    "kron": lambda a: np.kron(a, a),
    "average": lambda a: np.average(a, axis=0, weights=[1.0, 3.0]),
    "corrcoef": np.corrcoef,
    "lexsort": np.lexsort,
    "array_split": lambda a: np.array_split(a, 2, axis=1),
    "cross": lambda a: np.cross(a, a[::-1]),
}


@pytest.mark.parametrize("name", OF_A_VECTOR)
def test_numpy_function_of_a_vector(name, x):
    assert_same(OF_A_VECTOR[name](x), OF_A_VECTOR[name](VALUES.copy()))
    np.testing.assert_array_equal(x, VALUES)


@pytest.mark.parametrize("name", OF_A_MATRIX)
def test_numpy_function_of_a_matrix(name, m):
    assert_same(OF_A_MATRIX[name](m), OF_A_MATRIX[name](np.array(m)))


def test_numpy_writes_results_into_ordinary_arrays(x):
    out = np.zeros(3)
    np.sin(x, out=out)
    np.testing.assert_array_equal(out, np.sin(VALUES))
    np.copyto(out, x)
    np.add.at(out, [0, 0], x[:2])
    out[1:] = x[1:]
    out += x
    assert out.tolist() == [10.0, 2.0, 4.0] and type(out) is np.ndarray
    np.einsum("i->i", x, out=out)
    assert out.tolist() == VALUES.tolist()
    assert np.add(x, x, out=out) is out and np.sum(np.eye(3) * x, axis=0, out=out) is out
    fraction, whole = np.modf(x, None, out)
    assert type(fraction) is Array and whole is out


def test_buffers_made_like_it_are_ordinary_arrays(x):
    """SciPy makes an array like the one it was handed and writes into it."""
    for make in (np.zeros_like, np.ones_like, np.empty_like, lambda a: np.full_like(a, 2.0), np.copy):
        buffer = make(x)
        assert type(buffer) is np.ndarray and buffer.shape == (3,)
        buffer[x > 1.5] = -1.0
        buffer += x
    assert jaxlite.jit(lambda t: np.zeros_like(t) + np.ones_like(t))(x).tolist() == [1.0] * 3
    np.testing.assert_array_equal(x, VALUES)


def test_masked_arrays_of_it(x):
    masked = np.ma.masked_where(x > 2.5, x)
    assert masked.filled(0.0).tolist() == [0.0, 1.0, 2.0]
    assert masked.mean() == 1.5
    assert "--" in repr(masked)
    np.testing.assert_array_equal(x, VALUES)


def test_files(x, m):
    buffer = io.BytesIO()
    np.savez(buffer, x=x)
    buffer.seek(0)
    np.testing.assert_array_equal(np.load(buffer)["x"], VALUES)
    text = io.StringIO()
    np.savetxt(text, m)
    assert len(text.getvalue().splitlines()) == 2


# --- writing ------------------------------------------------------------------------------------------


def _set_item(a):
    a[0] = 9.0


def _set_slice(a):
    a[:] = 9.0


def _set_shape(a):
    a.shape = (3, 1)


def _set_flat(a):
    a.flat = 9.0


def _set_real(a):
    a.real = 9.0


WRITES = {
    "item": _set_item,
    "slice": _set_slice,
    "shape": _set_shape,
    "flat": _set_flat,
    "real": _set_real,
    "fill": lambda a: a.fill(9.0),
    "put": lambda a: a.put(0, 9.0),
    "resize": lambda a: a.resize(5),
    "partition": lambda a: a.partition(1),
    "setfield": lambda a: a.setfield(9.0, np.float64),
    "byteswap": lambda a: a.byteswap(inplace=True),
    "np.copyto": lambda a: np.copyto(a, 9.0),
    "np.put": lambda a: np.put(a, 0, 9.0),
    "np.place": lambda a: np.place(a, a > 1.0, 9.0),
    "np.putmask": lambda a: np.putmask(a, a > 1.0, 9.0),
    "np.put_along_axis": lambda a: np.put_along_axis(a, np.array([0]), 9.0, 0),
    "np.fill_diagonal": lambda a: np.fill_diagonal(a, 9.0),
    "np.nan_to_num": lambda a: np.nan_to_num(a, copy=False),
    "np.nan_to_num by position": lambda a: np.nan_to_num(a, False),
    "random shuffle": lambda a: np.random.default_rng(0).shuffle(a),
    "ufunc.at": lambda a: np.add.at(a, 0, 9.0),
    "ufunc out": lambda a: np.sin(VALUES, out=a),
    "ufunc out by position": lambda a: np.sin(VALUES, a),
    "ufunc out of arrays": lambda a: np.sin(a, out=a),
    "ufunc.reduce out": lambda a: np.add.reduce(np.ones((2, 3)), axis=0, out=a),
    "function out": lambda a: np.sum(np.ones((2, 3)), axis=0, out=a),
    "function out by position": lambda a: np.sum(np.ones((2, 3)), 0, None, a),
    "clip out": lambda a: np.clip(VALUES, 0.0, 1.0, out=a),
    "clip out by position": lambda a: np.clip(VALUES, 0.0, 1.0, a),
    "matmul out": lambda a: np.matmul(np.eye(3), VALUES, out=a),
    "cumsum out": lambda a: np.cumsum(VALUES, out=a),
}


@pytest.mark.parametrize("name", WRITES)
def test_writing_raises(name, x):
    with pytest.raises(
        InplaceUpdateError, match=r"would write into an Array(.|\n)*x.at\[index\].set\(value\)"
    ):
        WRITES[name](x)
    assert x.shape == (3,) and x.dtype == np.float64
    np.testing.assert_array_equal(x, VALUES)


def test_writing_through_the_flat_iterator_raises(x):
    assert [float(v) for v in x.flat] == VALUES.tolist() and x.flat[1] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        x.flat[0] = 9.0
    np.testing.assert_array_equal(x, VALUES)


def test_methods_with_out_raise(x):
    for call in (lambda: x.cumsum(out=x), lambda: x.clip(0.0, 1.0, out=x), lambda: x.take([0], out=x)):
        with pytest.raises((InplaceUpdateError, TypeError)):
            call()
    np.testing.assert_array_equal(x, VALUES)


IN_PLACE = [
    operator.iadd,
    operator.isub,
    operator.imul,
    operator.itruediv,
    operator.ifloordiv,
    operator.imod,
    operator.ipow,
    operator.iand,
    operator.ior,
    operator.ixor,
    operator.ilshift,
    operator.irshift,
    operator.imatmul,
]


@pytest.mark.parametrize("in_place", IN_PLACE, ids=lambda f: f.__name__)
def test_in_place_operators_rebind(in_place):
    binary = getattr(operator, "__" + in_place.__name__[1:].strip("_") + "__")
    integers = in_place.__name__ in ("iand", "ior", "ixor", "ilshift", "irshift")
    values = np.array([3, 1, 2]) if integers else VALUES
    x = jnp.asarray(values.copy())
    y = in_place(x, values)
    assert y is not x
    assert_same(y, np.asarray(binary(values, values)))
    np.testing.assert_array_equal(x, values)


def test_sort_returns_a_copy(x):
    assert x.sort().tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(x, VALUES)


def test_asarray_is_an_ordinary_writable_view(x):
    view = np.asarray(x)
    assert type(view) is np.ndarray and view.flags.writeable
    assert np.shares_memory(view, x)
    copied = np.array(x)
    copied[0] = 9.0
    assert type(copied) is np.ndarray and x[0] == 3.0


# --- scalars ------------------------------------------------------------------------------------------


def test_0d_arrays_act_as_numbers():
    s, i, b, z = jnp.float64(2.5), jnp.int64(2), jnp.bool_(True), jnp.complex128(1 + 2j)
    assert (float(s), int(s), bool(s), complex(s)) == (2.5, 2, True, 2.5 + 0j)
    assert complex(z) == 1 + 2j and bool(b) is True
    assert [10, 20, 30][i] == 30 and list(range(i)) == [0, 1]
    assert (round(s), round(s, 0), round(jnp.float64(2.346), 2)) == (2, 2.0, 2.35)
    assert type(round(s)) is int and type(round(s, 1)) is float
    assert (f"{s:.3f}", f"{i:04d}", f"{s}", f"{b}") == ("2.500", "0002", "2.5", "True")
    assert s.item() == 2.5 and type(s.item()) is float
    assert s == 2.5 and s < 3 and not s > 3
    assert (s + 1, 1 - s, s * i, s**2, -s, abs(-s), s // 1, s % 1) == (
        3.5,
        -1.5,
        5.0,
        6.25,
        -2.5,
        2.5,
        2.0,
        0.5,
    )
    assert type(s + 1) is type(s * i) is type(-s) is Array


def test_floats_are_no_index():
    with pytest.raises(TypeError):
        [1, 2, 3][jnp.float64(1.0)]
    with pytest.raises(TypeError):
        range(jnp.float64(1.0))


def test_arrays_with_elements_are_no_numbers(x):
    for convert in (float, int, complex, operator.index):
        with pytest.raises(TypeError):
            convert(x)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)
    assert round(x / 3.0, 1).tolist() == [1.0, 0.3, 0.7]


def test_hash_and_equality(x):
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    with pytest.raises(TypeError, match="unhashable"):
        {jnp.float64(1.0): 1}
    assert (x == VALUES).tolist() == [True] * 3
    assert (x == None).tolist() == [False] * 3  # noqa: E711
    assert 3.0 in x and 5.0 not in x


# --- reading ------------------------------------------------------------------------------------------


def test_iteration_and_indexing(x, m):
    assert [type(v) for v in x] == [Array] * 3 and [float(v) for v in x] == VALUES.tolist()
    assert [row.shape for row in m] == [(3,), (3,)]
    assert type(x[0]) is Array and x[0].shape == ()
    assert x[1:].tolist() == [1.0, 2.0] and x[x > 1.5].tolist() == [3.0, 2.0]
    assert m[1, ::-1].tolist() == [5.0, 4.0, 3.0] and m[..., None].shape == (2, 3, 1)
    assert len(m) == 2 and sorted(x) == [1.0, 2.0, 3.0] and max(x) == 3.0
    first, *rest = x
    assert first == 3.0 and len(rest) == 2
    with pytest.raises(TypeError, match="0-d"):
        iter(jnp.float64(1.0))
    with pytest.raises(TypeError, match="unsized"):
        len(jnp.float64(1.0))
    with pytest.raises(IndexError):
        x[3]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.arange(3.0), "Array([0., 1., 2.], dtype=float64)"),
        (np.float32(1.5), "Array(1.5, dtype=float32)"),
        (np.array([True]), "Array([ True], dtype=bool)"),
        (np.zeros(0), "Array([], dtype=float64)"),
        (np.zeros((0, 3)), "Array([], shape=(0, 3), dtype=float64)"),
        (np.eye(2, dtype=int), "Array([[1, 0],\n       [0, 1]], dtype=int64)"),
        (1j, "Array(0.+1.j, dtype=complex128)"),
    ],
)
def test_repr(value, text):
    assert repr(jnp.asarray(value)) == text
    assert str(jnp.asarray(value)) == str(np.asarray(value))


def test_pickle_and_copy(x, m):
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps((x, jnp.float32(1.5), m.T), protocol))
        assert_same(again, (VALUES, np.float32(1.5), np.asarray(m).T))
    for copied in (copy.copy(x), copy.deepcopy(x), x.copy(), copy.deepcopy({"x": [x]})["x"][0]):
        assert_same(copied, VALUES)
    # A copy is an Array like any other.
    with pytest.raises(InplaceUpdateError):
        copy.deepcopy(x)[0] = 1.0


def test_properties_and_methods(x, m):
    for name in ("shape", "dtype", "ndim", "size", "nbytes", "itemsize"):
        assert getattr(m, name) == getattr(np.asarray(m), name)
    expected = np.asarray(m)
    calls = {
        "T": lambda a: a.T,
        "real": lambda a: a.real,
        "imag": lambda a: a.imag,
        "sum": lambda a: a.sum(axis=0),
        "mean": lambda a: a.mean(),
        "max": lambda a: a.max(axis=1, keepdims=True),
        "argmax": lambda a: a.argmax(),
        "cumsum": lambda a: a.cumsum(axis=1),
        "reshape": lambda a: a.reshape(3, -1),
        "ravel": lambda a: a.ravel(),
        "flatten": lambda a: a.flatten(),
        "swapaxes": lambda a: a.swapaxes(0, 1),
        "astype": lambda a: a.astype(np.float32),
        "clip": lambda a: a.clip(1.0, 3.0),
        "repeat": lambda a: a.repeat(2, axis=0),
        "take": lambda a: a.take(np.array([0, 2]), axis=1),
        "dot": lambda a: a.dot(a.T),
        "any": lambda a: a.any(),
        "all": lambda a: a.all(axis=0),
        "round": lambda a: (a / 3.0).round(1),
        "diagonal": lambda a: a.diagonal(),
        "trace": lambda a: a.trace(),
        "std": lambda a: a.std(),
        "conj": lambda a: a.conj(),
        "argsort": lambda a: a.argsort(axis=0),
        "searchsorted": lambda a: a[0].searchsorted(1.5),
    }
    for name, call in calls.items():
        got, want = call(m), np.asarray(call(expected))
        assert type(got) is Array, name
        assert got.dtype == want.dtype, name
        np.testing.assert_allclose(got, want, rtol=1e-15, err_msg=name)
    assert m.tolist() == expected.tolist() and m.tobytes() == expected.tobytes()
    assert m.block_until_ready() is m and m.weak_type is False and str(m.aval) == "f64[2,3]"


# --- arithmetic ---------------------------------------------------------------------------------------

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.lt,
    operator.ge,
    operator.eq,
]


@pytest.mark.parametrize("binary", BINARY, ids=lambda f: f.__name__)
def test_arithmetic_with_everything(binary, x):
    others = [
        2,
        2.0,
        True,
        np.float64(2.0),
        np.float32(2.0),
        np.int8(2),
        VALUES,
        VALUES.astype("f4"),
        VALUES[:, None],
        [3.0, 1.0, 2.0],
    ]
    for other in others:
        assert_same(binary(x, other), np.asarray(binary(VALUES, other)))
        assert_same(binary(other, x), np.asarray(binary(other, VALUES)))
    assert_same(binary(x, x), np.asarray(binary(VALUES, VALUES)))


@pytest.mark.parametrize("binary", BINARY[:7], ids=lambda f: f.__name__)
def test_arithmetic_with_traced_values(binary, x):
    expected = np.asarray(binary(VALUES, VALUES + 1.0))
    for transformed in (
        jaxlite.jit(lambda t: binary(x, t))(VALUES + 1.0),
        jaxlite.jit(lambda t: binary(t, x + 1.0))(VALUES),
        jaxlite.jvp(lambda t: binary(x, t), (VALUES + 1.0,), (VALUES,))[0],
        jaxlite.vmap(lambda t: binary(x, t))(np.stack([VALUES + 1.0] * 2))[1],
    ):
        np.testing.assert_allclose(transformed, expected, rtol=1e-14)


def test_lists_with_traced_values_are_refused(x):
    with pytest.raises(DtypeError, match="lists are not converted silently"):
        jaxlite.jit(lambda t: [1.0, 2.0, 3.0] + t)(x)


def test_matmul(x, m):
    assert_same(m @ x, np.asarray(m) @ VALUES)
    assert_same(np.asarray(m) @ x, np.asarray(m) @ VALUES)
    assert_same(m @ VALUES, np.asarray(m) @ VALUES)
    assert x @ x == VALUES @ VALUES


def test_no_warning_where_numpy_warns(x):
    assert (x / 0.0).tolist() == [np.inf] * 3
    assert np.log(x - 1.0)[1] == -np.inf
    assert np.isnan(np.sqrt(-x)).all()
    assert (jnp.asarray([1, 2]) // 0).tolist() == [0, 0]


def test_isinstance_holds_for_traced_values_too(x):
    assert isinstance(x, np.ndarray) and isinstance(x, Array)
    assert jaxlite.jit(lambda t: float(isinstance(t, jaxlite.Array)))(1.0) == 1.0
    assert not isinstance(VALUES, Array)


# --- SciPy --------------------------------------------------------------------------------------------


def convex(x):
    """Lowest at (1, 2, 3)."""
    return jnp.sum(np.array([1.0, 3.0, 9.0]) * (x - np.arange(1.0, 4.0)) ** 2) + jnp.sum(
        (x[1:] - x[:-1] - 1.0) ** 4
    )


METHODS = {
    "Nelder-Mead": (),
    "Powell": (),
    "CG": ("jac",),
    "BFGS": ("jac",),
    "Newton-CG": ("jac", "hess"),
    "L-BFGS-B": ("jac",),
    "TNC": ("jac",),
    "COBYLA": (),
    "COBYQA": (),
    "SLSQP": ("jac",),
    "trust-constr": ("jac", "hess"),
    "dogleg": ("jac", "hess"),
    "trust-ncg": ("jac", "hess"),
    "trust-krylov": ("jac", "hess"),
    "trust-exact": ("jac", "hess"),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
def test_scipy_minimize(method):
    optimize = pytest.importorskip("scipy.optimize")
    derivatives = {"jac": jaxlite.jit(jaxlite.grad(convex)), "hess": jaxlite.jit(jaxlite.hessian(convex))}
    wanted = {name: derivatives[name] for name in METHODS[method]}
    # The point handed in is an Array too, as the result of another program.
    result = optimize.minimize(jaxlite.jit(convex), jnp.zeros(3), method=method, **wanted)
    np.testing.assert_allclose(result.x, [1.0, 2.0, 3.0], atol=1e-3)


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_scipy_least_squares(method):
    optimize = pytest.importorskip("scipy.optimize")
    t = np.linspace(0.0, 1.0, 20)
    data = 2.0 * np.exp(-1.5 * t)

    @jaxlite.jit
    def residuals(p):
        return p[0] * jnp.exp(-p[1] * t) - data

    jacobian = jaxlite.jit(jaxlite.jacfwd(residuals))
    bounds = {} if method == "lm" else {"bounds": ([0.0, 0.0], [5.0, 5.0])}
    result = optimize.least_squares(residuals, jnp.ones(2), jac=jacobian, method=method, **bounds)
    np.testing.assert_allclose(result.x, [2.0, 1.5], rtol=1e-6)


def test_scipy_root_ode_and_interpolation():
    optimize = pytest.importorskip("scipy.optimize")
    integrate = pytest.importorskip("scipy.integrate")
    interpolate = pytest.importorskip("scipy.interpolate")
    linalg = pytest.importorskip("scipy.linalg")

    f = jaxlite.jit(lambda x: jnp.stack([x[0] ** 2 - 2.0, x[1] - x[0]]))
    root = optimize.root(f, jnp.ones(2), jac=jaxlite.jit(jaxlite.jacrev(f)))
    np.testing.assert_allclose(root.x, np.sqrt([2.0, 2.0]), rtol=1e-10)
    assert optimize.brentq(jaxlite.jit(lambda x: x * x - 2.0), 0.0, 2.0) == pytest.approx(np.sqrt(2.0))
    assert optimize.newton(jaxlite.jit(lambda x: x * x - 2.0), 1.0) == pytest.approx(np.sqrt(2.0))

    solution = integrate.solve_ivp(
        jaxlite.jit(lambda t, y: -y), (0.0, 1.0), jnp.ones(2), method="LSODA", rtol=1e-8
    )
    np.testing.assert_allclose(solution.y[:, -1], np.exp(-1.0), rtol=1e-6)
    stiff = jaxlite.jit(lambda t, y: -50.0 * y)
    solution = integrate.solve_ivp(
        stiff, (0.0, 1.0), jnp.ones(2), method="BDF", jac=jaxlite.jit(jaxlite.jacfwd(stiff, 1))
    )
    assert solution.success
    assert integrate.quad(jaxlite.jit(np.sin), 0.0, np.pi)[0] == pytest.approx(2.0)

    x = jnp.linspace(0.0, 1.0, 8)
    np.testing.assert_allclose(interpolate.CubicSpline(x, jnp.sin(x))(x), np.sin(x), rtol=1e-14)
    np.testing.assert_allclose(linalg.solve(jnp.eye(2) * 2.0, jnp.ones(2)), [0.5, 0.5])
