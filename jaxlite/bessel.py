"""Modified Bessel functions of the first kind, scaled: exp(-|x|)·I₀(x) and exp(-|x|)·I₁(x).

Both are Chebyshev series, of x/4 - 1 up to 8 and of 16/x - 1 beyond, so that they are arithmetic in every mode and
compile like it. The coefficients were computed with mpmath to 50 digits; the series end below 1e-18.
"""

from __future__ import annotations

import functools
from fractions import Fraction

from jaxlite.control.custom_rules import custom_jvp
from jaxlite.ops import elementwise
from jaxlite.ops.families import scalar_like

# exp(-x)·I₀(x), 0 <= x <= 8
_I0_NEAR = (
    0.33839763720473803,
    -0.3046826723431984,
    0.17162090152220877,
    -0.09490109704804764,
    0.04930528423967071,
    -0.02373741480589947,
    0.010546460394594998,
    -0.004324309995050576,
    0.0016394756169413357,
    -0.0005763755745385824,
    0.00018850288509584165,
    -5.754195010082104e-05,
    1.6448448070728896e-05,
    -4.4167383584587505e-06,
    1.1173875391201037e-06,
    -2.670793853940612e-07,
    6.046995022541919e-08,
    -1.300025009986248e-08,
    2.6598237246823866e-09,
    -5.189795601635263e-10,
    9.675809035373237e-11,
    -1.726826291441556e-11,
    2.95505266312964e-12,
    -4.856446783111929e-13,
    7.676185498604936e-14,
    -1.1685332877993451e-14,
    1.715391285555133e-15,
    -2.431279846547955e-16,
    3.3307945188222384e-17,
    -4.4153416464793395e-18,
    5.669178006921496e-19,
)
# exp(-x)·√x·I₀(x), x >= 8
_I0_FAR = (
    0.4022452055070544,
    0.0033691164782556943,
    6.889758346916825e-05,
    2.8913705208347567e-06,
    2.0489185894690638e-07,
    2.266668990498178e-08,
    3.3962320257083865e-09,
    4.94060238822497e-10,
    1.1889147107846439e-11,
    -3.1499165279632416e-11,
    -1.3215811840447713e-11,
    -1.7941785315068062e-12,
    7.180124451383666e-13,
    3.8527783827421426e-13,
    1.54008621752141e-14,
    -4.150569347287222e-14,
    -9.554846698828307e-15,
    3.8116806693526224e-15,
    1.7725601330565263e-15,
    -3.425485619677219e-16,
    -2.8276239805165836e-16,
    3.461222867697461e-17,
    4.46562142029676e-17,
    -4.830504485944182e-18,
    -7.233180487874754e-18,
    9.921475412173699e-19,
    1.193650890845982e-18,
)
# exp(-x)·I₁(x)/x, 0 <= x <= 8
_I1_NEAR = (
    0.12629359322181682,
    -0.17641651835783406,
    0.1026436586898471,
    -0.05294598120809499,
    0.024726449030626516,
    -0.010564084894626197,
    0.004156422944312888,
    -0.0015135724506312532,
    0.0005122859561685758,
    -0.00016176081582589674,
    4.781565107550054e-05,
    -1.3273163656039436e-05,
    3.4702513081376785e-06,
    -8.568720264695455e-07,
    2.0032947535521353e-07,
    -4.445059128796328e-08,
    9.381537386495773e-09,
    -1.8872497517228294e-09,
    3.625590281552117e-10,
    -6.663489723502027e-11,
    1.1736186298890901e-11,
    -1.9839743977649436e-12,
    3.223793365945575e-13,
    -5.042185504727912e-14,
    7.600684294735408e-15,
    -1.1055969477353862e-15,
    1.5536319577362005e-16,
    -2.111421214358166e-17,
    2.7779141127610464e-18,
    -3.541581772542136e-19,
)
# exp(-x)·√x·I₁(x), x >= 8
_I1_FAR = (
    0.38928811750914005,
    -0.009761097491361469,
    -0.00011058893876262371,
    -3.882564808877691e-06,
    -2.512236237870209e-07,
    -2.6314688468895196e-08,
    -3.835380385964237e-09,
    -5.589743462196584e-10,
    -1.8974958123505413e-11,
    3.2526035830154884e-11,
    1.4125807436613782e-11,
    2.0356285441470896e-12,
    -7.198551776245908e-13,
    -4.0835511110921974e-13,
    -2.1015418427726643e-14,
    4.272440016711951e-14,
    1.0420276984128802e-14,
    -3.8144030724370075e-15,
    -1.8803547755107825e-15,
    3.3082023109209285e-16,
    2.96262899764595e-16,
    -3.209525921993424e-17,
    -4.6503053684893586e-17,
    4.414348323071708e-18,
    7.517296310842105e-18,
    -9.314178867326884e-19,
    -1.242193275194891e-18,
)


@functools.cache
def in_powers(coefficients: tuple[float, ...]) -> tuple[float, ...] | None:
    """Return the aₖ with Σ aₖ·tᵏ = Σ cₖ·Tₖ(t), or None where those of |t| <= 1 would cost digits.

    Horner's rule takes half of the operations of Clenshaw's recursion. What rounding does is of the size of Σ |aₖ|
    instead of Σ |cₖ|: much more where the cₖ decay slowly.
    """
    before, chebyshev, total = [0], [1], [Fraction(0)] * len(coefficients)
    for k, c in enumerate(coefficients):
        total = [a + Fraction(c) * b for a, b in zip(total, chebyshev + [0] * len(total), strict=False)]
        doubled = [0] + [(2 if k else 1) * b for b in chebyshev]
        before, chebyshev = (
            chebyshev,
            [a - (b if k else 0) for a, b in zip(doubled, before + [0] * len(doubled), strict=False)],
        )
    size = sum(abs(c) for c in coefficients)
    return tuple(map(float, total)) if sum(map(abs, total)) <= 2 * size else None


def _chebyshev(coefficients, t):
    """Evaluate Σ cₖ·Tₖ(t) in powers of t: the series here lose no digits by that."""
    *rest, total = (scalar_like(t, a) for a in in_powers(coefficients))
    for a in reversed(rest):
        total = elementwise.add(elementwise.mul(total, t), a)
    return total


def _near(coefficients, x):
    """Evaluate a series of x/4 - 1; ``x`` is at most 8."""
    return _chebyshev(
        coefficients, elementwise.sub(elementwise.mul(x, scalar_like(x, 0.25)), scalar_like(x, 1))
    )


def _far(coefficients, x):
    """Evaluate a series of 16/x - 1, over √x; ``x`` is at least 8."""
    t = elementwise.sub(elementwise.div(scalar_like(x, 16), x), scalar_like(x, 1))
    return elementwise.div(_chebyshev(coefficients, t), elementwise.sqrt(x))


def _pieces(x):
    """Return whether |x| is at most 8, and what each piece may compute with."""
    size = elementwise.abs(x)
    bound = scalar_like(x, 8)
    is_near = elementwise.le(size, bound)
    return is_near, elementwise.select_n(is_near, bound, size), elementwise.select_n(is_near, size, bound)


@custom_jvp
def bessel_i0e(x):
    """Return exp(-|x|)·I₀(x).

    Parameters
    ----------
    x : f32[...] or f64[...]

    Returns
    -------
    Array
        Of the type of ``x``.
    """
    is_near, near, far = _pieces(x)
    return elementwise.select_n(is_near, _far(_I0_FAR, far), _near(_I0_NEAR, near))


@bessel_i0e.defjvp
def _bessel_i0e_jvp(primals, tangents):
    # (exp(-|x|)·I₀)' = exp(-|x|)·(I₁ - sign(x)·I₀)
    (x,), (x_dot,) = primals, tangents
    ans = bessel_i0e(x)
    slope = elementwise.sub(bessel_i1e(x), elementwise.mul(elementwise.sign(x), ans))
    return ans, elementwise.mul(x_dot, slope)


@custom_jvp
def bessel_i1e(x):
    """Return exp(-|x|)·I₁(x).

    Parameters
    ----------
    x : f32[...] or f64[...]

    Returns
    -------
    Array
        Of the type of ``x``.
    """
    is_near, near, far = _pieces(x)
    beyond = elementwise.mul(elementwise.sign(x), _far(_I1_FAR, far))
    return elementwise.select_n(is_near, beyond, elementwise.mul(x, _near(_I1_NEAR, near)))


@bessel_i1e.defjvp
def _bessel_i1e_jvp(primals, tangents):
    # (exp(-|x|)·I₁)' = exp(-|x|)·(I₀ - I₁/x - sign(x)·I₁)
    (x,), (x_dot,) = primals, tangents
    ans = bessel_i1e(x)
    slope = elementwise.sub(bessel_i0e(x), _i1e_over_x(x))
    slope = elementwise.sub(slope, elementwise.mul(elementwise.sign(x), ans))
    return ans, elementwise.mul(x_dot, slope)


def _i1e_over_x(x):
    """Return exp(-|x|)·I₁(x)/x, which is ½ at 0."""
    is_near, near, far = _pieces(x)
    return elementwise.select_n(is_near, elementwise.div(_far(_I1_FAR, far), far), _near(_I1_NEAR, near))


@custom_jvp
def bessel_i0(x):
    """Return I₀(x), the modified Bessel function of order 0.

    Parameters
    ----------
    x : f32[...] or f64[...]

    Returns
    -------
    Array
        Of the type of ``x``.
    """
    return elementwise.mul(elementwise.exp(elementwise.abs(x)), bessel_i0e(x))


@bessel_i0.defjvp
def _bessel_i0_jvp(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    return bessel_i0(x), elementwise.mul(x_dot, bessel_i1(x))


@custom_jvp
def bessel_i1(x):
    """Return I₁(x), the modified Bessel function of order 1.

    Parameters
    ----------
    x : f32[...] or f64[...]

    Returns
    -------
    Array
        Of the type of ``x``.
    """
    return elementwise.mul(elementwise.exp(elementwise.abs(x)), bessel_i1e(x))


@bessel_i1.defjvp
def _bessel_i1_jvp(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    ratio = elementwise.mul(elementwise.exp(elementwise.abs(x)), _i1e_over_x(x))
    return bessel_i1(x), elementwise.mul(x_dot, elementwise.sub(bessel_i0(x), ratio))
