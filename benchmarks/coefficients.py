"""The polynomials of the vector mathematics: computes `jaxlite/codegen/vector_math/coefficients.py`.

    python -m benchmarks.coefficients > jaxlite/codegen/vector_math/coefficients.py

Each is what interpolates a function at Chebyshev's points of an interval, which is off by little more than the best
polynomial of that degree; `measured` prints how far. Two degrees are chosen by themselves: for doubles and for floats.
"""

from __future__ import annotations

from mpmath import mp, mpf

mp.dps = 400


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


def fit(f, low, high, weight, wanted: float) -> list[float]:
    """Return the shortest polynomial whose error, times ``weight``, is below ``wanted``."""
    for degree in range(1, 40):
        exact = interpolated(f, low, high, degree)
        if error_of(f, exact, low, high, weight) < wanted:
            return [float(c) for c in exact]
    raise ValueError("no polynomial of a degree below 40 is good enough")


def quotient(f, limit):
    """A function that is 0/0 at 0, where its value is ``limit``."""
    return lambda x: f(x) if abs(x) > mpf(10) ** -15 else mpf(limit)


def of_root(f, limit):
    return quotient(lambda z: f(mp.sqrt(z)), limit)


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
}  # fmt: skip

# Relative errors that do not show beside rounding.
DOUBLE, SINGLE = 2.0**-57, 2.0**-30


def main() -> None:
    print('"""Coefficients of polynomials, lowest power first: for doubles, and for floats.')
    print("\nWritten by `benchmarks/coefficients.py`.\n" + '"""\n')
    for name, (text, f, low, high, weight) in TABLE.items():
        print(f"# {text}, {float(low):.4g} to {float(high):.4g}")
        print(f"{name} = (")
        for wanted in (DOUBLE, SINGLE):
            print("    (")
            for c in fit(f, low, high, weight, wanted):
                print(f"        {c!r},")
            print("    ),")
        print(")")
    # A word of zeros comes first: windows begin up to 23 places before the point.
    print("# 2/π, 64 bits each")
    print("BITS_OF_TWO_OVER_PI = (\n    0,")
    for k in range(1, 20):
        print(f"    {int(mp.floor(2 / mp.pi * mpf(2) ** (64 * k))) % 2**64:#x},")
    print(")")


if __name__ == "__main__":
    main()
