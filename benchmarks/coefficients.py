"""The polynomials of the vector mathematics: computes `jaxlite/codegen/vector_math/coefficients.py`.

    python -m benchmarks.coefficients > jaxlite/codegen/vector_math/coefficients.py

Each is what interpolates a function at Chebyshev's points of an interval, which is off by little more than the best
polynomial of that degree. Two degrees are found by trying: for doubles and for floats. The first coefficient of
some follows in two parts.
"""

from __future__ import annotations

import functools

from mpmath import mp, mpf

mp.dps = 50


def interpolated(f, low, high, degree: int) -> list:
    """Return the coefficients of the polynomial that meets f at Chebyshev's points."""
    n = degree + 1
    angles = [mp.pi * (2 * k + 1) / (2 * n) for k in range(n)]
    middle, half = (mpf(high) + mpf(low)) / 2, (mpf(high) - mpf(low)) / 2
    values = [f(middle + half * mp.cos(a)) for a in angles]
    series = [2 * sum(v * mp.cos(j * a) for v, a in zip(values, angles)) / n for j in range(n)]
    series[0] /= 2
    # Chebyshev's polynomials of t = (x - middle)/half, by their recurrence, as polynomials of x.
    line = [-middle / half, 1 / half]

    def times_line(p):
        q = [mpf(0)] * (len(p) + 1)
        for k, c in enumerate(p):
            q[k] += c * line[0]
            q[k + 1] += c * line[1]
        return q

    previous, current = [mpf(1)], list(line)
    total = [mpf(0)] * n
    for j, s in enumerate(series):
        p = previous if j == 0 else current
        for k, c in enumerate(p):
            total[k] += s * c
        if j:
            following = [2 * c for c in times_line(current)]
            for k, c in enumerate(previous):
                following[k] -= c
            previous, current = current, following
    return total


def error_of(f, coefficients, low, high, weight) -> float:
    points = [mpf(low) + (mpf(high) - mpf(low)) * k / 200 for k in range(201)]
    return float(max(abs((mp.polyval(coefficients[::-1], x) - f(x)) * weight(x)) for x in points))


def fit(f, low, high, weight, wanted: float) -> list:
    """Return the shortest polynomial whose error, times ``weight``, is below ``wanted``."""
    for degree in range(1, 40):
        exact = interpolated(f, low, high, degree)
        if error_of(f, exact, low, high, weight) < wanted:
            return exact
    raise ValueError("no polynomial of a degree below 40 is good enough")


def quotient(f, limit):
    """A function that is 0/0 at 0, where its value is ``limit``."""
    return lambda x: f(x) if abs(x) > mpf(10) ** -15 else mpf(limit)


def of_root(f, limit):
    return quotient(lambda z: f(mp.sqrt(z)), limit)


def quotient_at(at, f, limit):
    return lambda x: f(x) if abs(x - at) > mpf(10) ** -15 else mpf(limit)


def t_of(x):
    return (mpf(x) - mpf(3.75)) / (mpf(x) + mpf(3.75))


@functools.cache
def of_t(t):
    x = mpf(3.75) * (1 + t) / (1 - t)
    return mp.erfc(x) * mp.exp(x * x) * (1 + 2 * x)


@functools.cache
def of_log(v):
    """erfinv(x)/x where -log(1 - x²) = v + 1.4"""
    x = mp.sqrt(-mp.expm1(-(v + 1.4)))
    return mp.erfinv(x) / x if x > mpf(10) ** -15 else mp.sqrt(mp.pi) / 2


@functools.cache
def of_root_of_log(v):
    return of_log((mpf(ERFINV_FAR_MIDDLE) + v) ** 2 - 1.4)


def rest_of_stirling(x):
    return mp.loggamma(x) - (x - 0.5) * mp.log(x) + x - mp.log(2 * mp.pi) / 2


# The square root of -log(1 - x²) from the root of 5 up to that of the largest x below 1.
ERFINV_FAR_MIDDLE = 4.14
ROOT = mp.findroot(mp.digamma, 1.46)
LN2_2 = mp.log(2) / 2 * mpf("1.001")
QUARTER = (mp.pi / 4 * mpf("1.001")) ** 2
S_MAX = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1) * mpf("1.001")) ** 2

# name: what it is, function, interval, weight that turns its error into the relative error of the result
TABLE = {
    "EXP": ("(exp(r) - 1 - r)/r²", quotient(lambda r: (mp.expm1(r) - r) / r**2, 0.5), -LN2_2, LN2_2, lambda r: r**2),
    "LOG": ("(log((1+s)/(1-s)) - 2·s)/s³ of s²", of_root(lambda s: (2 * mp.atanh(s) - 2 * s) / s**3, mpf(2) / 3),
            0, S_MAX, lambda z: z / 2),
    "SIN": ("(sin(r) - r)/r³ of r²", of_root(lambda r: (mp.sin(r) - r) / r**3, mpf(-1) / 6), 0, QUARTER, lambda z: z),
    "COS": ("(cos(r) - 1 + r²/2)/r⁴ of r²",
            of_root(lambda r: (mp.cos(r) - 1 + r**2 / 2) / r**4, mpf(1) / 24), 0, QUARTER, lambda z: z**2),
    "EXP2": ("(2^r - 1)/r", quotient(lambda r: (mpf(2) ** r - 1) / r, mp.log(2)), -0.5, 0.5, lambda r: r),
    "SINH": ("(sinh(r) - r)/r³ of r²", of_root(lambda r: (mp.sinh(r) - r) / r**3, mpf(1) / 6),
             0, LN2_2**2, lambda z: z),
    "COSH": ("(cosh(r) - 1)/r² of r²", of_root(lambda r: (mp.cosh(r) - 1) / r**2, 0.5), 0, LN2_2**2, lambda z: z),
    "LOG_TAIL": ("1/5 + s²/7 + …, of s²",
                 of_root(lambda s: (mp.atanh(s) / s - 1 - s**2 / 3) / s**4, mpf(1) / 5),
                 0, S_MAX, lambda z: 2**8 * z**2),
    "CBRT": ("m^(-1/3), to 8 bits", lambda m: 1 / mp.cbrt(m), 0.499, 4.01, lambda m: 2.0**-49),
    "ATAN": ("(atan(t) - t)/t³ of t²", of_root(lambda t: (mp.atan(t) - t) / t**3, mpf(-1) / 3),
             0, (mp.sqrt(2) - 1) ** 2 * mpf("1.001"), lambda z: z),
    "ASIN": ("(asin(s) - s)/s³ of s²", of_root(lambda s: (mp.asin(s) - s) / s**3, mpf(1) / 6), 0, 0.25, lambda z: z),
    "ERF": ("erf(x)/x - 1 of x²", of_root(lambda x: mp.erf(x) / x - 1, 2 / mp.sqrt(mp.pi) - 1),
            0, 1, lambda z: 1),
    "ERF_FAR": ("erfc(x) of x - 3.5", lambda v: mp.erfc(v + 3.5), -2.5, 2.5, lambda v: 1),
    "ERF_FAR_FLOAT": ("erfc(x) of x - 2.5", lambda v: mp.erfc(v + 2.5), -1.5, 1.5, lambda v: 1),
    "ERFC": ("erfc(x)·exp(x²)·(1 + 2·x) of t = (x - 3.75)/(x + 3.75)", lambda t: of_t(t),
             t_of(0.5), t_of(27.3), lambda t: 1 / of_t(t)),
    "ERFINV": ("erfinv(x)/x of -log(1 - x²) - 1.4", of_log, -1.4, 3.6, lambda v: 1 / of_log(v)),
    "ERFINV_FAR": ("erfinv(x)/x of sqrt(-log(1 - x²)) - 4.14", of_root_of_log, -1.91, 1.91,
                   lambda v: 1 / of_root_of_log(v)),
    "LGAMMA": ("lgamma(x)/((x - 1)·(x - 2)) of x - 1.75",
               quotient_at(0.25, lambda d: mp.loggamma(d + 1.75) / ((d + 0.75) * (d - 0.25)), 1 - mp.euler),
               -0.5, 0.5, lambda d: 2),
    "STIRLING": ("x·(the rest of Stirling's series) of 1/x²",
                 of_root(lambda v: rest_of_stirling(1 / v) / v, mpf(1) / 12),
                 0, mpf(7.25) ** -2, lambda v: 0.02),
    "DIGAMMA": ("digamma(x)/(x - root) of x - 1.75",
                quotient_at(ROOT - 1.75, lambda d: mp.digamma(d + 1.75) / (d + 1.75 - ROOT), mp.polygamma(1, ROOT)),
                -0.5, 0.5, lambda d: 1),
    "DIGAMMA_FAR": ("x²·(log(x) - 1/(2·x) - digamma(x)) of 1/x²",
                    of_root(lambda v: (-mp.log(v) - v / 2 - mp.digamma(1 / v)) / v**2, mpf(1) / 12),
                    0, mpf(7.25) ** -2, lambda v: 0.02),
    "TRIGAMMA": ("y²·(y·trigamma(y + ½) - 1) of 1/y²",
                 of_root(lambda v: (mp.polygamma(1, 1 / v + 0.5) / v - 1) / v**2, mpf(-1) / 12),
                 0, mpf(4) ** -2, lambda v: v),
}  # fmt: skip

# Relative errors that do not show beside rounding.
DOUBLE, SINGLE = 2.0**-57, 2.0**-30


def main() -> None:
    print('"""Coefficients of polynomials, lowest power first: for doubles, and for floats.')
    print("\nWritten by `benchmarks/coefficients.py`.\n" + '"""\n')
    for name, (text, f, low, high, weight) in TABLE.items():
        print(f"# {text}, {float(low):.4g} to {float(high):.4g}")
        print(f"{name} = (")
        leading = None
        for wanted in (DOUBLE, SINGLE):
            print("    (")
            exact = fit(f, low, high, weight, wanted)
            leading = leading or exact[0]
            for c in exact:
                print(f"        {float(c)!r},")
            print("    ),")
        if name in ("ERFC", "ERFINV", "ERFINV_FAR", "LGAMMA"):
            print(f"    {float(leading)!r},\n    {float(leading - float(leading))!r},")
        print(")")
    print("# Where the variables of polynomials start to count; the root of digamma in two parts.")
    print(f"ERFINV_MIDDLE, ERFINV_FAR_MIDDLE = 1.4, {ERFINV_FAR_MIDDLE}")
    print(f"LGAMMA_SHIFT = 0.25\nDIGAMMA_ROOT = ({float(ROOT)!r}, {float(ROOT - float(ROOT))!r})")
    mp.dps = 400
    # A word of zeros comes first: windows begin up to 23 places before the point.
    print("# 2/π, 64 bits each")
    print("BITS_OF_TWO_OVER_PI = (\n    0,")
    for k in range(1, 20):
        print(f"    {int(mp.floor(2 / mp.pi * mpf(2) ** (64 * k))) % 2**64:#x},")
    print(")")


if __name__ == "__main__":
    main()
