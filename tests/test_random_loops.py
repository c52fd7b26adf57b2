"""Random bodies of loops: machine code, which writes where it can in place, gives the numbers of Python.

A body is source text, drawn statement by statement over the carries ``u`` and ``v`` of n numbers and ``w``, which is a
number or a matrix::

    def body(i, u, v, w):
        x0 = u.at[I0].add(v[I1])
        x1 = jnp.concatenate([x0[3:], u[:3]])
        return x1, jnp.flip(u), w + jnp.sum(x0) / 17

What moves elements is frequent: a carry that is read at other places than it is written at must not be overwritten
too early. The seed of a body is ``--seed`` and the number in the test's name; a failure prints body and command.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.counters import counters

SIZES = (5, 17, 33, 40, 70)
ROWS = 3
# Relative to the largest element: five steps of up to seven statements, and their gradients.
ROUNDING = 1e-9


class Body:
    """A drawn body: its text, and the constants that it names."""

    def __init__(self, rng: np.random.Generator, n: int):
        self.rng, self.n = rng, n
        self.has_matrix = rng.random() < 0.5
        self.w_shape = (ROWS, n) if self.has_matrix else ()
        self.vectors, self.thirds = ["u", "v"], ["w"]
        # Of which carry a value is a changed one: its successor may stand in the same place.
        self.origins = {"u": "u", "v": "v", "w": "w"}
        self.constants: dict[str, np.ndarray] = {}
        self.lines: list[str] = []
        for _ in range(rng.integers(2, 8)):
            self.statement()
        self.text = "\n    ".join(["def body(i, u, v, w):", *self.lines, f"return {self.results()}"])

    # --- parts of statements

    def pick(self, names):
        # Carries and the last results are the most likely ones.
        return str(self.rng.choice([*names, *names[:2], names[-1]]))

    def vector(self) -> str:
        return self.pick(self.vectors)

    def third(self) -> str:
        return self.pick(self.thirds)

    def number(self) -> str:
        choices = [f"{self.vector()}[{self.place()}]", f"jnp.sum({self.vector()}) / {self.n}"]
        if not self.has_matrix:
            choices.append(self.third())
        return str(self.rng.choice(choices))

    def row(self) -> str:
        """Return n numbers that stand somewhere: in a vector, or in a row of the matrix."""
        if self.has_matrix and self.rng.random() < 0.3:
            return f"{self.third()}[{self.rng.integers(ROWS)}]"
        return self.vector()

    def place(self) -> str:
        at = int(self.rng.integers(self.n))
        return str(self.rng.choice([str(at), str(at - self.n), "i", f"(i * {at} + 1) % {self.n}"]))

    def span(self, length: int | None = None) -> tuple[int, int]:
        """Return the ends of a slice, of any length or of a given one."""
        if length is None:
            low, high = sorted(self.rng.choice(self.n + 1, 2, replace=False).tolist())
            return low, high
        low = int(self.rng.integers(self.n - length + 1))
        return low, low + length

    def slices(self) -> tuple[str, str, int]:
        """Return two slices of one length, and it; one of them may run backwards."""
        low, high = self.span()
        first, last = self.span(high - low)
        backwards = f"{last - 1}:{first - 1 if first else ''}:-1" if first != last else f"{first}:{last}"
        return f"{low}:{high}", backwards if self.rng.random() < 0.3 else f"{first}:{last}", high - low

    def indices(self, length: int, once: bool) -> str:
        name = f"I{len(self.constants)}"
        self.constants[name] = self.rng.choice(self.n, length, replace=not once)
        return name

    # --- statements

    def statement(self) -> None:
        kinds = [self.elementwise, self.moved, self.updated, self.scattered, self.joined, self.summed]
        if self.has_matrix and self.rng.random() < 0.35:
            self.assign(self.thirds, self.of_matrix())
        else:
            self.assign(self.vectors, kinds[self.rng.integers(len(kinds))]())

    def assign(self, names: list[str], text: str) -> None:
        name = f"x{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        names.append(name)
        changed = re.match(r"(\w+)\.at\[|(?:lax.dynamic_update_slice|jnp.tanh)\((\w+)[,)]", text)
        if changed and (changed[1] or changed[2]) in self.origins:
            self.origins[name] = self.origins[changed[1] or changed[2]]

    def one_of(self, *texts: str) -> str:
        return texts[self.rng.integers(len(texts))]

    def elementwise(self) -> str:
        x, y = self.row(), self.row()
        return self.one_of(
            f"jnp.tanh({x})",
            f"{x} * {y} - 0.3 * {x}",
            f"0.6 * {x} + {self.number()}",
            f"jnp.where({x} > 0.1234, {x}, {y})",
            f"jnp.where(i % 2 == 0, {x}, 0.7 * {y})",
        )

    def moved(self) -> str:
        x, (low, high) = self.row(), self.span()
        shift = int(self.rng.integers(self.n - (high - low) + 1))
        pads = f"({shift}, {self.n - (high - low) - shift})"
        return self.one_of(
            f"jnp.flip({x})",
            f"{x}[::-1]",
            f"jnp.roll({x}, {self.rng.integers(-self.n, self.n)})",
            f"jnp.pad({x}[{low}:{high}], {pads})",
            f"{x}[{self.indices(self.n, once=False)}]",
            f"{x}[{self.indices(self.n, once=True)}]",
        )

    def updated(self) -> str:
        x, y, (to, of, length) = self.vector(), self.row(), self.slices()
        start = self.one_of(str(self.rng.integers(self.n - length + 1)), "i", f"{self.n} - 3 * i")
        return self.one_of(
            f"{x}.at[{to}].set({y}[{of}])",
            f"{x}.at[{to}].add(0.5 * {y}[{of}])",
            f"{x}.at[{self.place()}].set({self.number()})",
            f"{x}.at[{self.place()}].add({self.number()})",
            f"lax.dynamic_update_slice({x}, {y}[{of}], ({start},))",
            f"{x}.at[{to}].set(lax.dynamic_slice({y}, ({start},), ({length},)))",
        )

    def scattered(self) -> str:
        x, y = self.vector(), self.row()
        length = int(self.rng.integers(1, self.n + 1))
        to, many = self.indices(length, once=True), self.indices(length, once=False)
        of = self.one_of(f"{y}[:{length}]", f"{y}[{self.indices(length, once=False)}]", f"{y}[{to}]")
        return self.one_of(
            f"{x}.at[{to}].set({of})",
            f"{x}.at[{to}].add({of})",
            f"{x}.at[{many}].add(0.3 * {of})",
            f"{x}.at[{to}].set({self.number()})",
        )

    def joined(self) -> str:
        x, y, at = self.row(), self.row(), int(self.rng.integers(self.n + 1))
        return self.one_of(
            f"jnp.concatenate([{x}[{at}:], {y}[:{at}]])",
            f"jnp.concatenate([{x}[:{at}], {y}[{at}:]])",
            f"jnp.concatenate([{x}[:{at}][::-1], {y}[{at}:]])",
            f"jnp.concatenate([{x}[1:], jnp.reshape({self.number()}, (1,))])",
        )

    def summed(self) -> str:
        return self.one_of(
            f"jnp.cumsum({self.row()}) / {self.n}",
            f"jnp.cumsum({self.row()}[::-1]) / {self.n} + {self.vector()}",
            *([f"jnp.sum({self.third()}, axis=0) / {ROWS}"] if self.has_matrix else []),
        )

    def of_matrix(self) -> str:
        m, x, k = self.third(), self.row(), int(self.rng.integers(ROWS))
        to, of, _ = self.slices()
        return self.one_of(
            f"{m}.at[{k}].set({x})",
            f"{m}.at[i % {ROWS}].add(0.5 * {x})",
            f"{m}.at[:, {self.place()}].set({m}[:, {self.place()}])",
            f"{m}.at[{k}, {to}].set({x}[{of}])",
            f"{m}.at[:, {self.indices(4, once=False)}].add({self.number()})",
            f"jnp.concatenate([{m}[1:], {x}[None]])",
            f"jnp.flip({m}, {self.rng.integers(2)})",
            f"jnp.roll({m}, {self.rng.integers(1, 3)}, {self.rng.integers(2)})",
            f"jnp.where({m} > 0.1234, {m}, {x})",
            f"jnp.cumsum({m}, axis={self.rng.integers(2)}) / {self.n}",
        )

    def results(self) -> str:
        first, second = self.successor("u", self.vectors), self.successor("v", self.vectors)
        third = self.successor("w", self.thirds)
        return f"{first}, {second}, {third if self.has_matrix else f'0.5 * {third} + {self.number()}'}"

    def successor(self, carry: str, names: list[str]) -> str:
        """Return the next value of a carry: a changed one, as often as there is one, or another carry."""
        changed = [name for name in names if self.origins.get(name) == carry != name]
        return changed[-1] if changed and self.rng.random() < 0.7 else self.pick(names)


class Loop:
    """A body, and the loop around it: the carries after some steps, and what a scan stacks."""

    def __init__(self, seed: int, number: int):
        rng = np.random.default_rng([seed, number])
        self.body = Body(rng, SIZES[number % len(SIZES)])
        self.steps = int(rng.integers(1, 6))
        self.kind = ("fori_loop", "scan", "scan, reversed")[rng.integers(3)]
        self.args = tuple(
            rng.normal(size=shape) for shape in ((self.body.n,), (self.body.n,), self.body.w_shape)
        )
        names = {"jnp": jnp, "lax": lax, **self.body.constants}
        exec(self.body.text, names)
        self.step = names["body"]

    def __call__(self, u, v, w):
        if self.kind == "fori_loop":
            return lax.fori_loop(0, self.steps, lambda i, carry: self.step(i, *carry), (u, v, w))

        def step(carry, i):
            carry = self.step(i, *carry)
            return carry, carry[0]

        carry, seen = lax.scan(step, (u, v, w), jnp.arange(self.steps), reverse=self.kind != "scan")
        return *carry, seen

    def loss(self, *args):
        # Elements must not be mistaken for one another.
        return sum(jnp.sum(jnp.sin(x) * jnp.cos(jnp.arange(x.size).reshape(x.shape))) for x in self(*args))

    def __repr__(self) -> str:
        constants = [f"{name} = np.array({value.tolist()})" for name, value in self.body.constants.items()]
        return "\n".join(
            [*constants, self.body.text, f"# {self.kind}, {self.steps} steps, n = {self.body.n}"]
        )


def check(loop: Loop, what: str, function) -> None:
    with jaxlite.disable_jit():
        expected = jaxlite.tree_util.tree_leaves(function(*loop.args))
    before = counters.num_host_calls, counters.num_interpreted_calls
    args = tuple(np.array(x) for x in loop.args)
    got = jaxlite.tree_util.tree_leaves(jaxlite.jit(function)(*args))
    assert (counters.num_host_calls, counters.num_interpreted_calls) == before, f"not native: {what}\n{loop}"
    for x, y in zip(got, expected, strict=True):
        assert np.all(np.isfinite(y)), loop
        np.testing.assert_allclose(
            x, y, rtol=ROUNDING, atol=ROUNDING * np.max(np.abs(y), initial=0.0), err_msg=f"{what} of\n{loop}"
        )
    for x, y in zip(args, loop.args, strict=True):
        np.testing.assert_array_equal(x, y, err_msg=f"{what} changed an operand\n{loop}")


@pytest.mark.parametrize(
    "number", [*range(20), *(pytest.param(number, marks=pytest.mark.slow) for number in range(20, 220))]
)
def test_loops_give_what_python_gives(request, number):
    loop = Loop(request.config.getoption("seed"), number)
    check(loop, "values", loop)
    check(loop, "gradients", jaxlite.grad(loop.loss, (0, 1, 2)))


def test_statements_are_all_drawn():
    text = "".join(repr(Loop(0, number)) for number in range(20))
    kinds = ("# fori_loop, ", "# scan, ", "# scan, reversed, ")
    wanted = "flip roll set( add( [I pad tanh cumsum sum dynamic_update_slice dynamic_slice concatenate where"
    assert [word for word in (*wanted.split(), *kinds) if word not in text] == []
