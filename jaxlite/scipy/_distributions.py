"""What the distributions of ``jaxlite.scipy.stats`` share: one table row each, from which all methods are made.

    norm = Distribution("norm", "the normal distribution", logpdf=lambda z: -0.5 * z * z - LOG_SQRT_2PI, cdf=ndtr, …)
    norm.logpdf(x, loc=0, scale=1)  ->  logpdf((x - loc)/scale) - log(scale)

A row is written for loc = 0 and scale = 1. Outside of its support a function is computed at a point inside, and its
result replaced, so that no derivative meets a pole or a nan there.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable

import jaxlite.numpy as jnp
from jaxlite.scipy._rules import promoted

# What a method gives: the words for it, the names of its first argument, its value below and above the support.
_METHODS = {
    "pdf": ("Density", "x", 0.0, 0.0),
    "logpdf": ("Logarithm of the density", "x", float("-inf"), float("-inf")),
    "pmf": ("Probability", "k", 0.0, 0.0),
    "logpmf": ("Logarithm of the probability", "k", float("-inf"), float("-inf")),
    "cdf": ("Probability of a value up to ``{}``", "x", 0.0, 1.0),
    "logcdf": ("Logarithm of the probability of a value up to ``{}``", "x", float("-inf"), 0.0),
    "sf": ("Probability of a value above ``{}``", "x", 1.0, 0.0),
    "logsf": ("Logarithm of the probability of a value above ``{}``", "x", 0.0, float("-inf")),
    "ppf": ("Inverse of ``cdf``", "q", None, None),
    "isf": ("Inverse of ``sf``", "q", None, None),
}
# How a function that a row does not give follows from one that it does.
_DERIVED = {
    "pdf": (("logpdf", jnp.exp),),
    "pmf": (("logpmf", jnp.exp),),
    "cdf": (("logcdf", jnp.exp), ("sf", lambda p: 1 - p)),
    "sf": (("logsf", jnp.exp), ("cdf", lambda p: 1 - p)),
}
# The logarithm of a probability follows from both.
_TAILS = {"logcdf": ("cdf", "sf"), "logsf": ("sf", "cdf")}


def log_part(part, rest):
    """log(part), part + rest = 1; -inf without a slope where ``part`` is 0."""
    # Near 1 only the rest knows how far: log(part) of gamma.cdf(40, 2.5) is 0 instead of -1e-15.
    low, zero = part < 0.5, part == 0
    half = part.dtype.type(0.5)
    by_rest = jnp.log1p(-jnp.where(low, half, rest))
    by_part = jnp.log(jnp.where(zero | ~low, half, part))
    return jnp.where(zero, -jnp.inf, jnp.where(low, by_part, by_rest))


class Distribution(types.ModuleType):
    """A probability distribution: its public methods are functions of arrays.

    In JAX it is a module, and programs import from it; hence it is one here.

    Parameters
    ----------
    name : str
    title : str
        What documentation calls it: ``"the normal distribution"``.
    methods : str
        Names of the public methods.
    shapes : str
        Names of its parameters besides ``loc`` and ``scale``.
    lower, upper : callable
        ``(*shapes) -> bound`` of the support, which belongs to it; None where there is none.
    inside : callable
        ``(*shapes) -> point``, in the support.
    discrete : bool
        Whether it has no scale; ``whole`` says whether other than whole numbers are outside of the support.
    valid : callable
        ``(*shapes) -> bool``: otherwise every result is nan.
    located : bool
        Whether there are ``loc`` and ``scale``.
    **functions : callable
        ``(z, *shapes) -> value``.
    """

    def __init__(
        self, name, title, *, methods, shapes="", lower=None, upper=None, inside=None, discrete=False, whole=False,
        valid=None, located=True, **functions,
    ):  # fmt: skip
        super().__init__(f"jaxlite.scipy.stats.{name}", f"{title[0].upper()}{title[1:]}.")
        self.name = name
        self._functions = functions
        self._shapes = tuple(shapes.split())
        self._lower, self._upper, self._inside, self._valid = lower, upper, inside, valid
        self._discrete, self._whole = discrete, whole
        for method in methods.split():
            setattr(self, method, self._method(method, title, located))

    def __repr__(self):
        return f"<{self.name}: {self.__doc__.rstrip('.')}>"

    def _function(self, method: str) -> Callable:
        if method in self._functions:
            return self._functions[method]
        if method in _TAILS:
            part, rest = map(self._function, _TAILS[method])
            return lambda z, *shapes: log_part(part(z, *shapes), rest(z, *shapes))
        for source, then in _DERIVED[method]:
            if source in self._functions:
                function = self._functions[source]
                return lambda z, *shapes: then(function(z, *shapes))
        raise KeyError(method)

    def _method(self, method: str, title: str, located: bool) -> Callable:
        words, first, below, above = _METHODS[method]
        first = "k" if self._discrete and first == "x" else first
        function = self._function(method)
        places = [] if not located else ["loc"] if self._discrete else ["loc", "scale"]
        if self._discrete and method in ("ppf",):
            places = []
        defaults = {"loc": 0, "scale": 1}
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        signature = inspect.Signature(
            [inspect.Parameter(n, kind) for n in (first, *self._shapes)]
            + [inspect.Parameter(n, kind, default=defaults[n]) for n in places]
        )
        count = len(self._shapes)
        name = f"{self.name}.{method}"

        def call(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            x, *rest = promoted(name, *bound.arguments.values())
            shapes, place = rest[:count], rest[count:]
            if below is None:
                return self._quantile(function, x, shapes, place)
            if place:
                x = x - place[0]
            scale = place[1] if len(place) > 1 else None
            if scale is not None:
                x = x / scale
            scaled = function
            # Inside of the support only, so that the slope by the scale is 0 outside.
            if scale is not None and method == "logpdf":
                scaled = lambda z, *shapes: function(z, *shapes) - jnp.log(scale)  # noqa: E731
            elif scale is not None and method == "pdf":
                scaled = lambda z, *shapes: function(z, *shapes) / scale  # noqa: E731
            value = self._at(scaled, x, shapes, below, above)
            return value if scale is None else jnp.where(scale > 0, value, jnp.nan)

        call.__name__, call.__qualname__ = method, name
        call.__signature__, call.__module__ = signature, "jaxlite.scipy.stats"
        call.__doc__ = _document(words.format(first), title, first, self._shapes, places)
        return call

    def _at(self, function, z, shapes, below, above):
        low = self._lower(*shapes) if self._lower else None
        high = self._upper(*shapes) if self._upper else None
        under = z < low if low is not None else None
        over = z > high if high is not None else None
        outside = [mask for mask in (under, over) if mask is not None]
        if self._whole and below == above:
            outside.append(z != jnp.floor(z))
        elif self._whole:
            z = jnp.floor(z)
        is_outside = outside[0] if outside else None
        for mask in outside[1:]:
            is_outside = is_outside | mask
        if is_outside is not None:
            value = function(jnp.where(is_outside, self._inside(*shapes), z), *shapes)
            limit = below
            if over is not None and above != below:
                limit = jnp.where(over, value.dtype.type(above), value.dtype.type(below))
            value = jnp.where(is_outside, limit, value)
        else:
            value = function(z, *shapes)
        return value if self._valid is None else jnp.where(self._valid(*shapes), value, jnp.nan)

    def _quantile(self, function, q, shapes, place):
        possible = (q >= 0) & (q <= 1)
        value = function(jnp.where(possible, q, 0.5), *shapes)
        if len(place) > 1:
            value = jnp.where(place[1] > 0, value * place[1] + place[0], jnp.nan)
        if self._valid is not None:
            possible = possible & self._valid(*shapes)
        return jnp.where(possible, value, jnp.nan)


def _document(words: str, title: str, first: str, shapes, places) -> str:
    support = "" if first == "q" else " Outside of the support the result is that of the limit."
    where = (
        f"\n{places[0] if len(places) == 1 else ', '.join(places)} : f32[...] or f64[...]\n" if places else ""
    )
    meaning = {
        0: "",
        1: "    Is subtracted first; 0 by default.",
        2: "    Subtracted first, 0 by default; then divided by, 1 by default, and positive.",
    }
    parameters = f"{', '.join((first, *shapes))} : f32[...] or f64[...]\n    They broadcast.{support}"
    return f"""{words} of {title}.

Parameters
----------
{parameters}{where}{meaning[len(places)]}

Returns
-------
Array
    f32 where every operand is float32 (or a Python number), else f64.

Raises
------
DtypeError
    If an operand is complex or no array.
"""
