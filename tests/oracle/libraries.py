"""The rows of ``random``, ``nn``, ``image``, ``example_libraries``, ``experimental.ode`` and trees, and what has none.

A key is an array of two numbers, as old-style keys are, so that `vmap` maps over keys; rows labelled ``typed``
make a key of the new style from it.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from tests.optimizer_calls import OPTIMIZERS, SCHEDULES
from tests.oracle.rows import Row, Sample, each, find, row

# --- random numbers -----------------------------------------------------------------------------------

KEY = np.array([0, 3], np.uint32)
V = Sample((4,), 0.3, 4.0)
CHANCES = Sample((4,), 0.1, 0.9)
TABLE = Sample((2, 4), -1.0, 1.0)
MEAN = Sample((3,))
COVARIANCE = Sample((3, 3), form="definite")
COUNTS = np.array([10.0, 100.0])
DATA = Sample((5, 3))

# Name, arguments after the key: arrays among them are differentiated.
_DRAWS = (
    ("uniform", ((7,),)),
    ("uniform", ((3, 4), np.float64, -2.0, V)),
    ("normal", ((7,),)),
    ("normal", ((2, 3), np.complex128)),
    ("truncated_normal", (-1.0, V, (3, 4))),
    ("lognormal", (CHANCES,)),
    ("lognormal", (0.7, (5,))),
    ("maxwell", ((5,),)),
    ("double_sided_maxwell", (1.0, V)),
    ("exponential", ((7,),)),
    ("gumbel", ((7,),)),
    ("laplace", ((7,),)),
    ("logistic", ((7,),)),
    ("cauchy", ((7,),)),
    ("pareto", (V,)),
    ("rayleigh", (V,)),
    ("weibull_min", (V, 1.5, (4,))),
    ("wald", (V, (3, 4))),
    ("triangular", (0.0, V, 9.0)),
    ("gamma", (V,)),
    ("gamma", (0.3, (5,))),
    ("loggamma", (V,)),
    ("loggamma", (1e-3, (5,))),
    ("beta", (V, 2.0)),
    ("beta", (0.5, 0.7, (5,))),
    ("dirichlet", (V, (3,))),
    ("chisquare", (V,)),
    ("f", (V, 3.0)),
    ("t", (V,)),
    ("generalized_normal", (1.5, (5,))),
    ("ball", (3, 1.5, (4,))),
    ("ball", (3,)),
    ("multivariate_normal", (MEAN, COVARIANCE, (2,))),
    ("multivariate_normal", (MEAN, COVARIANCE, (2,), np.float64, "eigh")),
    ("multivariate_normal", (MEAN, COVARIANCE, (2,), np.float64, "svd")),
    ("orthogonal", (3, (2,))),
    ("randint", ((9,), 0, 100)),
    ("randint", ((9,), -500, 500, np.int16)),
    ("randint", ((3, 4), 0, np.array([1, 5, 100, 3]))),
    ("bernoulli", (0.3, (20,))),
    ("bernoulli", (CHANCES,)),
    ("bernoulli", (CHANCES, (4,), "high")),
    ("rademacher", ((20,),)),
    ("geometric", (CHANCES, (3, 4))),
    ("poisson", (4.0, (9,))),
    ("poisson", (V,)),
    ("poisson", (Sample((4,), 20.0, 60.0), (3, 4))),
    ("binomial", (20, 0.3, (9,))),
    ("binomial", (1000.0, CHANCES, (3, 4))),
    ("multinomial", (10.0, np.array([0.2, 0.3, 0.5]))),
    ("multinomial", (COUNTS, np.array([0.2, 0.3, 0.5]))),
    ("categorical", (TABLE,)),
    ("categorical", (TABLE, 0, (5, 4))),
    ("categorical", (TABLE, 1, (3, 2), False)),
    ("choice", (10, (7,))),
    ("choice", (10, (2, 3), False)),
    ("choice", (DATA, (3,), True, None, 1)),
    ("choice", (DATA, (3,), False)),
    ("choice", (Sample((3,)), (4,), True, np.array([0.2, 0.3, 0.5]))),
    ("permutation", (10,)),
    ("permutation", (DATA,)),
    ("permutation", (DATA, 1, True)),
    ("bits", ((3, 2),)),
    ("bits", ((5,), np.uint8)),
    ("bits", ((5,), np.uint16)),
    ("bits", ((5,), np.uint32)),
    ("split", (3,)),
    ("split", ((2, 2),)),
    ("fold_in", (7,)),
    ("clone", ()),
)
# Functions whose results are keys, and what makes numbers of those.
_OF_KEYS = ("split", "fold_in", "clone")


def _typed(name: str):
    """Make a call with a key of the new style."""

    def call(jx, bits, *args, **options):
        result = find(jx, name)(jx.random.wrap_key_data(bits), *args, **options)
        return jx.random.key_data(result) if name.endswith(_OF_KEYS) else result

    return call


def _draw_rows() -> list[Row]:
    rows, seen = [], {}
    for name, args in _DRAWS:
        n = seen[name] = seen.get(name, 0) + 1
        rows.append(row(f"random.{name}", KEY, *args, on="d", label=f"{n}" if n > 1 else ""))
        if n == 1:
            path = f"random.{name}"
            rows.append(
                row(
                    path,
                    KEY,
                    *args,
                    on="d",
                    label="typed",
                    call=_typed(path),
                    only=("evaluate", "jit", "vmap"),
                )
            )
    return rows


# Arguments, for numbers of single and half precision.
_SINGLE = {
    "uniform normal exponential gumbel laplace logistic cauchy maxwell": ((7,),),
    "truncated_normal": (-2.0, 2.0, (5,)),
    "gamma loggamma chisquare t pareto lognormal rayleigh wald": (Sample((5,), 0.3, 4.0), None),
    "beta f": (Sample((5,), 0.3, 4.0), 2.0, None),
    "dirichlet": (V, (2,)),
    "generalized_normal": (1.5, (5,)),
    "multivariate_normal": (MEAN, COVARIANCE, None),
    "triangular": (0.0, 1.0, 9.0, (5,)),
    "binomial": (1000.0, 0.3, (9,)),
}

RANDOM = [
    *_draw_rows(),
    *[r for names, args in _SINGLE.items()
      for r in each("random", names, KEY, *args, on="f", dtype=np.float32, label="f32",
                    only=("evaluate", "jit", "grad", "vmap"))],
    *each("random", "uniform normal gumbel", KEY, (7,), on="d", dtype=np.float16, label="f16",
          only=("evaluate", "jit")),
    *each("random", "gumbel", KEY, (7,), on="d", mode="high"),
    *[row("random.randint", KEY, (9,), 0, 100, dtype=dtype, on="d", label=np.dtype(dtype).name,
          only=("evaluate", "jit", "vmap"))
      for dtype in (np.int8, np.uint8, np.int32, np.uint32, np.uint64)],
    *[row(f"random.{name}", np.array(seed), on="d", label=label, only=("evaluate", "jit", "vmap"),
          call=lambda jx, seed, name=name: jx.random.key_data(getattr(jx.random, name)(seed)))
      for name in ("PRNGKey", "key") for seed, label in ((3, ""), (2**40 + 5, "large"), (-1, "negative"))],
    *[row(f"random.{name}", KEY, on="d", label=label, only=("evaluate", "jit", "vmap"),
          call=lambda jx, bits: jx.random.key_data(jx.random.wrap_key_data(bits)))
      for name, label in (("key_data", ""), ("wrap_key_data", ""))],
    row("random.key_impl", KEY, on="d", eager=True,
        call=lambda jx, bits: str(jx.random.key_impl(jx.random.wrap_key_data(bits)))),
    row("random.key_dtype", KEY, on="d", eager=True, call=lambda jx, bits: str(jx.random.key_dtype())),
    row("random.split", KEY, on="d", label="and draw", only=("evaluate", "jit", "vmap"), call=lambda jx, bits: jx.vmap(
        lambda k: jx.random.normal(k, (3,)))(jx.random.split(jx.random.wrap_key_data(bits), 4))),
]  # fmt: skip

# --- neural networks ------------------------------------------------------------------------------------

A = Sample((2, 3))
B = Sample((2, 3), seed=1)
POSITIVE = Sample((2, 3), 0.3, 3.0)
STEPS = np.array([-9.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0, 9.0])
SPECIAL = np.array([-np.inf, np.inf, np.nan, -800.0, 800.0, 1e-300])
_ACTIVATIONS = (
    "celu elu gelu hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu log_sigmoid mish relu relu6 selu sigmoid "
    "silu soft_sign softplus sparse_plus sparse_sigmoid squareplus swish tanh identity"
)

_nn = functools.partial(each, "nn")
_QUERY = Sample((2, 4, 2, 3))
_KEYS = Sample((2, 5, 2, 3), seed=1)
_VALUES = Sample((2, 5, 2, 3), seed=2)
_MASK = np.array([[True, False, True, True, False]] * 4)

NETWORKS = [
    *_nn(_ACTIVATIONS, A, on="dfi"),
    *_nn(_ACTIVATIONS, STEPS, on="d", label="kinks"),
    *_nn(_ACTIVATIONS, SPECIAL, on="d", label="special"),
    row("nn.gelu", A, approximate=False, on="df"),
    *_nn("celu elu", A, 0.5, on="d", label="alpha"),
    row("nn.leaky_relu", A, 0.2, on="d", label="slope"),
    row("nn.squareplus", A, 1.5, on="d", label="b"),
    row("nn.glu", Sample((2, 4)), on="df"),
    row("nn.glu", Sample((2, 4)), on="d", axis=0),
    *_nn("log1mexp", POSITIVE, on="df"),
    *_nn("log1mexp", np.array([0.0, 1e-20, 800.0, np.inf, np.nan]), on="d", label="special"),
    *_nn("softmax log_softmax standardize", A, on="dfi"),
    *_nn("softmax log_softmax standardize", A, on="d", axis=0),
    *_nn("softmax log_softmax standardize", A, on="d", where=np.array([True, False, True]), label="where"),
    *_nn("softmax log_softmax", A, on="d", axis=(0, 1)),
    row("nn.standardize", A, on="d", mean=0.5, variance=2.0, epsilon=0.1),
    *_nn("logsumexp logmeanexp", A, on="df"),
    *_nn("logsumexp logmeanexp", A, on="d", axis=1, keepdims=True),
    *_nn("logsumexp logmeanexp", A, on="d", axis=0, where=np.array([[True, False, True]] * 2), label="where"),
    row("nn.one_hot", np.array([[0, 2], [1, 5]]), 3, on="d"),
    row("nn.one_hot", np.array([0, 2, -1]), 3, on="d", axis=0),
    row("nn.one_hot", np.array([0, 2, -1]), 3, on="d", dtype=np.float32, label="f32"),
    row("nn.dot_product_attention", _QUERY, _KEYS, _VALUES, on="df"),
    row("nn.dot_product_attention", _QUERY, _KEYS, _VALUES, on="d", is_causal=True, scale=0.3),
    row("nn.dot_product_attention", _QUERY, _KEYS, _VALUES, on="d", local_window_size=(1, 2)),
    row("nn.dot_product_attention", _QUERY, _KEYS, _VALUES, Sample((2, 2, 4, 5), seed=3), on="d", label="bias"),
    row("nn.dot_product_attention", _QUERY, _KEYS, _VALUES, None, _MASK, on="d", label="mask",
        only=("evaluate", "jit", "jvp", "linearize", "grad", "jit_grad", "hvp")),
    row("nn.dot_product_attention", _QUERY, Sample((2, 5, 1, 3)), Sample((2, 5, 1, 3), seed=1), on="d",
        label="one head of keys"),
    row("nn.dot_product_attention", Sample((4, 2, 3)), Sample((5, 2, 3)), Sample((5, 2, 3), seed=1), on="d",
        label="no batch"),
    row("nn.dot_product_attention", _QUERY, _KEYS, _VALUES, on="d", label="lengths", only=("evaluate", "jit", "grad"),
        query_seq_lengths=np.array([2, 4], np.int32), key_value_seq_lengths=np.array([5, 3], np.int32)),
]  # fmt: skip

_INITIALIZERS = (
    "glorot_normal glorot_uniform he_normal he_uniform kaiming_normal kaiming_uniform lecun_normal lecun_uniform "
    "xavier_normal xavier_uniform normal uniform truncated_normal orthogonal"
)


def _initialized(name: str, *args, **options):
    """Make a call: what an initializer made with these arguments draws."""
    return lambda jx, key, shape, *dtype: find(jx, f"nn.initializers.{name}")(*args, **options)(
        key, shape, *dtype
    )


_DRAWN = ("evaluate", "jit", "vmap")


def _initializer_row(name: str, shape, label="", *args, **options) -> Row:
    return row(f"nn.initializers.{name}", KEY, shape, on="d", only=_DRAWN, label=label,
               call=_initialized(name, *args, **options))  # fmt: skip


INITIALIZERS = [
    *[_initializer_row(name, shape, label) for name in _INITIALIZERS.split()
      for shape, label in (((3, 4), ""), ((2, 3, 4, 2), "rank 4"))],
    *[row(f"nn.initializers.{name}", KEY, (3, 4), np.float32, on="d", only=_DRAWN, label="f32", call=_initialized(name))
      for name in _INITIALIZERS.split()],
    *[_initializer_row("variance_scaling", (3, 4), f"{mode},{distribution}", 0.5, mode, distribution)
      for mode in ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
      for distribution in ("uniform", "normal", "truncated_normal")],
    _initializer_row("variance_scaling", (3, 4, 5), "batch", 0.5, "fan_in", "normal", batch_axis=0, in_axis=1,
                     out_axis=2),
    _initializer_row("constant", (2, 3), "", 1.5),
    _initializer_row("delta_orthogonal", (3, 2, 4)),
    _initializer_row("delta_orthogonal", (3, 3, 2, 2), "rank 4"),
    _initializer_row("orthogonal", (4, 3), "scale", 2.0, 0),
    *each("nn.initializers", "ones zeros", KEY, (2, 3), on="d", only=_DRAWN),
]  # fmt: skip

# --- images ---------------------------------------------------------------------------------------------

IMAGE = Sample((5, 6))
_METHODS = ("nearest", "linear", "cubic", "lanczos3", "lanczos5")

IMAGES = [
    *[row("image.resize", IMAGE, shape, method, on="df", label=f"{method},{label}")
      for method in _METHODS for shape, label in (((8, 9), "up"), ((3, 4), "down"))],
    row("image.resize", IMAGE, (3, 4), "linear", antialias=False, on="d"),
    row("image.resize", IMAGE, (3, 4), "linear", on="i", label="int"),
    row("image.resize", Sample((4, 6, 2)), (8, 3, 2), "cubic", on="d", label="channels"),
    *[row("image.scale_and_translate", IMAGE, (6, 7), (0, 1), Sample((2,), 0.7, 1.6), Sample((2,)), method, on="df",
          label=method) for method in _METHODS[1:]],
    row("image.scale_and_translate", IMAGE, (6, 6), (0,), Sample((1,), 0.4, 0.7), Sample((1,)), "linear", on="d",
        antialias=False),
]  # fmt: skip

# --- example libraries ----------------------------------------------------------------------------------


def _library(jx):
    return find(jx, "example_libraries.optimizers")


def _trained(name: str, *args, steps: int = 3):
    """Make a call: parameters after some steps on a wavy function."""

    def call(jx, w, b):
        def loss(params):
            return jx.numpy.sum(jx.numpy.cos(params["w"]) * (params["w"] + 0.3)) + jx.numpy.sum(
                params["b"][0] ** 3
            )

        init, update, get_params = getattr(_library(jx), name)(*args)
        state = init({"w": w, "b": [b]})
        for i in range(steps):
            state = update(i, jx.grad(loss)(get_params(state)), state)
        return get_params(state)

    return call


def _packed(jx, w, b):
    library = _library(jx)
    init, update, get_params = library.adam(0.1)
    state = library.unpack_optimizer_state(update(0, {"w": b, "b": w}, init({"w": w, "b": b})))
    return get_params(library.pack_optimizer_state(state))


def _own_optimizer(jx, x, y):
    @_library(jx).optimizer
    def halving(scale):
        return lambda x: (x, x * 0), lambda i, g, s: (s[0] - scale * g, s[1] + i), lambda s: s[0] + s[1]

    init, update, get_params = halving(0.5)
    return get_params(update(2, (y, x), init((x, y))))


_O = "example_libraries.optimizers"
OPTIMIZERS = [
    *[row(f"{_O}.{name}", A, Sample((3,), seed=1), on="df", call=_trained(name, *args))
      for name, args in OPTIMIZERS.items()],
    *[row(f"{_O}.{name}", A, on="df", only=("evaluate", "jit", "vmap", "grad"),
          call=lambda jx, x, name=name, args=args: [x * getattr(_library(jx), name)(*args)(i) for i in (0, 1, 3, 9)])
      for name, args in SCHEDULES.items()],
    row(f"{_O}.inverse_time_decay", A, on="d", label="staircase",
        call=lambda jx, x: [x * _library(jx).inverse_time_decay(0.5, 3, 0.9, staircase=True)(i) for i in (0, 2, 3, 7)]),
    row(f"{_O}.exponential_decay", np.array(5), A, on="d", label="traced step",
        call=lambda jx, i, x: x * _library(jx).exponential_decay(0.5, 3, 0.9)(i)),
    row(f"{_O}.piecewise_constant", np.array(3), A, on="d", label="traced step",
        call=lambda jx, i, x: x * _library(jx).piecewise_constant([2, 4], [0.5, 0.2, 0.1])(i)),
    *[row(f"{_O}.make_schedule", A, on="d", label=label,
          call=lambda jx, x, what=what: x * _library(jx).make_schedule(what)(3))
      for what, label in ((0.25, "number"), (lambda i: 0.5 * i, "function"))],
    row(f"{_O}.l2_norm", A, B, on="df", call=lambda jx, x, y: _library(jx).l2_norm({"x": x, "y": [y]})),
    row(f"{_O}.clip_grads", A, B, 0.5, on="df", call=lambda jx, x, y, most: _library(jx).clip_grads((x, [y]), most)),
    row(f"{_O}.clip_grads", A, B, 90.0, on="d", label="kept",
        call=lambda jx, x, y, most: _library(jx).clip_grads((x, [y]), most)),
    row(f"{_O}.optimizer", A, B, on="d", call=_own_optimizer),
    row(f"{_O}.pack_optimizer_state", A, B, on="d", call=_packed),
    row(f"{_O}.unpack_optimizer_state", A, B, on="d", call=_packed),
]  # fmt: skip


_LINE = (2, 7, 3)
_PICTURE = (2, 8, 6, 3)


def _networks(stax) -> dict:
    """Return layers of every kind, each with the shape of its input."""
    residual = stax.serial(stax.FanOut(2), stax.parallel(stax.Dense(3), stax.Identity), stax.FanInSum)
    wide = stax.serial(stax.FanOut(2), stax.parallel(stax.Relu, stax.Tanh), stax.FanInConcat(-1))
    return {
        "Dense": (stax.Dense(4), (5, 3)),
        "Conv": (stax.Conv(4, (3, 3), (1, 2), padding="SAME"), _PICTURE),
        "GeneralConv": (stax.GeneralConv(("NCHW", "OIHW", "NCHW"), 5, (2, 3)), (2, 3, 6, 7)),
        "ConvTranspose": (stax.ConvTranspose(4, (3, 2), (2, 2), padding="SAME"), _PICTURE),
        "Conv1DTranspose": (stax.Conv1DTranspose(4, (3,), (2,)), _LINE),
        "GeneralConvTranspose": (
            stax.GeneralConvTranspose(("NHWC", "HWIO", "NHWC"), 4, (3, 2), (2, 1)),
            _PICTURE,
        ),
        "BatchNorm": (stax.BatchNorm(), _PICTURE),
        "MaxPool": (stax.MaxPool((2, 3), (2, 1)), _PICTURE),
        "SumPool": (stax.SumPool((2, 2), padding="SAME", spec="NCHW"), _PICTURE),
        "AvgPool": (stax.AvgPool((3, 3), (2, 2), padding="SAME"), _PICTURE),
        "FanInSum": (residual, _LINE),
        "FanInConcat": (wide, _LINE),
        "FanOut": (wide, _LINE),
        "parallel": (wide, _LINE),
        "serial": (residual, _LINE),
        "Flatten": (stax.serial(stax.Flatten, stax.Dense(3), stax.LogSoftmax), _PICTURE),
        "shape_dependent": (stax.shape_dependent(lambda shape: stax.Dense(shape[-1])), _LINE),
        "Dropout": (stax.serial(stax.Dropout(0.7), stax.Dropout(0.5, mode="test")), _LINE),
        "elementwise": (stax.elementwise(lambda x, a: a * x * x, a=0.5), _LINE),
        **{name: (getattr(stax, name), _LINE) for name in _LAYERS.split()},
    }


_LAYERS = "Elu Exp Gelu Identity LeakyRelu LogSoftmax Relu Selu Sigmoid Softmax Softplus Tanh"
_SHAPES = {
    "Dense": (5, 3),
    "GeneralConv": (2, 3, 6, 7),
    **dict.fromkeys(("Conv", "ConvTranspose", "GeneralConvTranspose", "BatchNorm"), _PICTURE),
    **dict.fromkeys(("MaxPool", "SumPool", "AvgPool", "Flatten"), _PICTURE),
}
_LAYER_NAMES = (
    "Dense Conv GeneralConv ConvTranspose Conv1DTranspose GeneralConvTranspose BatchNorm MaxPool SumPool AvgPool "
    "FanInSum FanInConcat FanOut parallel serial Flatten shape_dependent Dropout elementwise"
)


def _layer(name: str):
    """Make a call: what a layer with fresh parameters makes of an input, and its shape."""

    def call(jx, key, x):
        (init, apply), shape = _networks(find(jx, "example_libraries.stax"))[name]
        out_shape, params = init(key, shape)
        return apply(params, x, rng=key), params, [int(n) for n in jx.tree_util.tree_leaves(out_shape)]

    return call


LAYERS = [
    row(f"example_libraries.stax.{name}", KEY, Sample(_SHAPES.get(name, _LINE)), on="d", call=_layer(name))
    for name in (_LAYER_NAMES + " " + _LAYERS).split()
]

# --- differential equations -------------------------------------------------------------------------------

TIMES = np.array([0.0, 0.5, 0.7, 2.0])


def _pendulum(jx):
    return lambda y, t, a: jx.numpy.stack([y[1], -a * jx.numpy.sin(y[0]) + 0.1 * t])


EQUATIONS = [
    row("experimental.ode.odeint", Sample((2,)), TIMES, Sample((), 0.5, 1.5), on="d",
        call=lambda jx, y, t, a: find(jx, "experimental.ode.odeint")(_pendulum(jx), y, t, a)),
    row("experimental.ode.odeint", Sample((2,)), TIMES, Sample((), 0.5, 1.5), on="d", label="tolerances",
        call=lambda jx, y, t, a: find(jx, "experimental.ode.odeint")(_pendulum(jx), y, t, a, rtol=1e-5, atol=1e-7,
                                                                     hmax=0.2)),
    row("experimental.ode.odeint", Sample((2,)), TIMES, on="d", label="tree",
        call=lambda jx, y, t: find(jx, "experimental.ode.odeint")(
            lambda s, t: {"p": -s["q"], "q": (s["p"][0] * 0.5 + t, )[0] + 0 * s["q"]},
            {"p": y, "q": 0.5 * y}, t)),
]  # fmt: skip

# --- trees ----------------------------------------------------------------------------------------------


def _tree(x, y):
    return {"b": (x, [y, None]), "a": y}


def _with_static_field(jx, x, y):
    @jx.tree_util.register_dataclass
    @dataclasses.dataclass
    class Power:
        base: object
        exponent: int = jx.tree.static(default=3)

    return jx.tree.leaves(jx.jit(lambda p: jx.tree.map(lambda b: b**p.exponent, p))(Power((x, y))))


def _on_trees(program, **options):
    """Make a call: a program of ``jx.tree`` and a tree of two arrays."""
    return lambda jx, x, y: program(jx.tree, _tree(x, y), **options)


TREES = [
    row("flatten_util.ravel_pytree", A, B, on="dfic",
        call=lambda jx, x, y: find(jx, "flatten_util.ravel_pytree")(_tree(x, y))[0]),
    row("flatten_util.ravel_pytree", A, np.array([1, 2]), on="df", label="unravel", call=lambda jx, x, y: (
        lambda flat, unravel: unravel(flat * 2))(*find(jx, "flatten_util.ravel_pytree")(_tree(x, y)))),
    row("tree.map", A, B, on="di", call=_on_trees(lambda tree, t: tree.map(lambda x, y: x * y, t, t))),
    row("tree.map", A, B, on="d", label="is_leaf", call=_on_trees(lambda tree, t: tree.map(
        lambda x: x[0] if isinstance(x, tuple) else x, t, is_leaf=lambda x: isinstance(x, tuple)))),
    row("tree.leaves", A, B, on="d", call=_on_trees(lambda tree, t: tree.leaves(t))),
    row("tree.flatten", A, B, on="d", eager=True,
        call=_on_trees(lambda tree, t: [tree.flatten(t)[0], str(tree.flatten(t)[1])])),
    row("tree.structure", A, B, on="d", eager=True, call=_on_trees(lambda tree, t: str(tree.structure(t)))),
    row("tree.unflatten", A, B, on="d", call=_on_trees(
        lambda tree, t: tree.unflatten(tree.structure(t), [2 * x for x in tree.leaves(t)]))),
    row("tree.reduce", A, B, on="d", call=_on_trees(lambda tree, t: tree.reduce(lambda x, y: x - y, t))),
    row("tree.reduce", A, B, on="d", label="initializer", call=_on_trees(
        lambda tree, t: tree.reduce(lambda x, y: x - y, t, 1.5))),
    row("tree.reduce_associative", A, B, on="d", call=_on_trees(
        lambda tree, t: tree.reduce_associative(lambda x, y: x * y, t))),
    row("tree.all", A, B, on="d", eager=True,
        call=_on_trees(lambda tree, t: tree.all(tree.map(lambda x: x.shape == (2, 3), t)))),
    row("tree.broadcast", A, B, on="d", call=_on_trees(lambda tree, t: tree.broadcast({"b": 1.5, "a": t["a"]}, t))),
    row("tree.transpose", A, B, on="d", call=lambda jx, x, y: jx.tree.transpose(
        jx.tree.structure((0, 0)), jx.tree.structure({"u": 0, "v": 0}), ({"u": x, "v": y}, {"u": y, "v": 2 * x}))),
    row("tree.static", A, B, on="d", call=_with_static_field),
    row("tree.map_with_path", A, B, on="d", call=_on_trees(
        lambda tree, t: tree.map_with_path(lambda path, x: len(path) * x, t))),
    *[row(f"tree.{name}_with_path", A, B, on="d", eager=True, call=_on_trees(
        lambda tree, t, name=name: [str(p) for p, _ in (
            tree.leaves_with_path(t) if name == "leaves" else tree.flatten_with_path(t)[0])]))
      for name in ("leaves", "flatten")],
]  # fmt: skip

ROWS = [
    *RANDOM,
    *NETWORKS,
    *INITIALIZERS,
    *IMAGES,
    *OPTIMIZERS,
    *LAYERS,
    *EQUATIONS,
    *TREES,
]

EXCLUDED: dict[str, str] = {}

MODULES = (
    "random",
    "nn",
    "nn.initializers",
    "image",
    "example_libraries.optimizers",
    "example_libraries.stax",
    "experimental.ode",
    "flatten_util",
    "tree",
)
CLASSES = ()
