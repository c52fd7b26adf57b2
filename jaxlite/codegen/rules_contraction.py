"""``dot_general``: loops where it is small, BLAS where it is large.

    z[b,m,n] = Σₖ x[b,m,k]·y[b,k,n]

BLAS thinks in columns: a row-major matrix is its transpose there, so z = x·y is asked for as zᵀ = yᵀ·xᵀ.
"""

from __future__ import annotations

import math

import numpy as np

from jaxlite.codegen import elementwise
from jaxlite.codegen.external import letter_of
from jaxlite.codegen.loops import INT, Address, Affine, Const
from jaxlite.codegen.nests import Calls, Job
from jaxlite.codegen.schedule import Scheduler, rule
from jaxlite.codegen.values import Index, Lazy, Numbers, Value, View, needs_of, storage

# Products with fewer multiplications than this are loops of their own: a call of BLAS costs about as much.
SMALL_PRODUCT = 2048
# Of a matrix and a vector; where the sums have so many terms LLVM does not write them out: 31 rows of 31 take 96 ns as
# loops, 32 of 32 take 350, of which a call of BLAS needs a third.
SMALL_MATRIX, MANY_TERMS = 1024, 32
# A matrix that stays in the cache is read by loops at the speed of the cache: 128x128 of float64 takes 1.2 us a product
# (a sum over it 1.1), where BLAS's takes 1.8. So many rows, or terms, are taken at a time; with eight terms it took 1.1
# or 1.2 by run.
LARGEST_READ_BY_LOOPS, ROWS_AT_ONCE, TERMS_AT_ONCE = 1 << 16, 4, 4
# Loops over rows of fewer elements than this do not fill vector registers.
SHORT_ROW = 32
# Of a call, in statements of a kernel.
COST_OF_CALL = 10


@rule("dot_general")
def _dot_general(s: Scheduler, eqn, operands):
    lhs, rhs = operands
    dtype = eqn.outvars[0].aval.dtype
    if np.dtype(np.float16) in (lhs.dtype, rhs.dtype, dtype):
        return None
    (lhs_contract, rhs_contract), (lhs_batch, rhs_batch) = eqn.params["dimension_numbers"]
    lhs_free = [d for d in range(len(lhs.shape)) if d not in (*lhs_contract, *lhs_batch)]
    rhs_free = [d for d in range(len(rhs.shape)) if d not in (*rhs_contract, *rhs_batch)]
    batch = tuple(lhs.shape[d] for d in lhs_batch)
    m = tuple(lhs.shape[d] for d in lhs_free)
    n = tuple(rhs.shape[d] for d in rhs_free)
    k = tuple(lhs.shape[d] for d in lhs_contract)
    work = math.prod(batch + m + n + k)
    letter = letter_of(dtype)
    # Products of one term each are elementwise.
    outer = math.prod(k) == 1
    vector = 1 in (math.prod(m), math.prod(n)) and math.prod(k) >= MANY_TERMS and not batch
    large = work // max(math.prod(batch), 1) >= (SMALL_MATRIX if vector else SMALL_PRODUCT)
    if large and letter and lhs.dtype == rhs.dtype == dtype and not outer:
        left = _matrices(s, lhs, lhs_batch, lhs_free, lhs_contract)
        right = _matrices(s, rhs, rhs_batch, rhs_contract, rhs_free)
        return [_by_blas(s, eqn, left, right, batch, math.prod(m), math.prod(n), math.prod(k), letter)]
    sides = (lhs, lhs_batch, lhs_free, lhs_contract), (rhs, rhs_batch, rhs_free, rhs_contract)
    return [_by_loops(s, eqn, sides, batch, m, n, k, dtype)]


def _matrices(s: Scheduler, x: Value, batch, rows, columns) -> View:
    """Return the operand as View [batch…, rows, columns] of matrices that BLAS takes, one axis being dense."""
    order = (*batch, *rows, *columns)
    if batch and type(x) is Lazy:
        # One matrix after the other, and loops along the longer side of each.
        m, n = (math.prod(x.shape[d] for d in dims) for dims in (rows, columns))
        swap = n < m if min(m, n) < SHORT_ROW else [*rows, *columns] > [*columns, *rows]
        view = s.stored_along(x, (*batch, *columns, *rows) if swap else order)
    else:
        view = s.stored(x)
    shape = tuple(view.shape[d] for d in order)
    strides = tuple(view.strides[d] for d in order)
    nb, nr = len(batch), len(rows)
    r, c = _merged(shape[nb : nb + nr], strides[nb : nb + nr]), _merged(shape[nb + nr :], strides[nb + nr :])
    if r is None or c is None or not _dense(r, c):
        transposed = View(view.dtype, shape, view.buffer, view.offset, strides)
        view = s.new_view(view.dtype, shape)
        s.copy(transposed, view)
        strides = view.strides
        r, c = (
            _merged(shape[nb : nb + nr], strides[nb : nb + nr]),
            _merged(shape[nb + nr :], strides[nb + nr :]),
        )
    sizes = (*shape[:nb], r[0], c[0])
    return View(view.dtype, sizes, view.buffer, view.offset, (*strides[:nb], r[1], c[1]))


def _merged(shape, strides) -> tuple[int, int] | None:
    """Return size and stride of several axes as one, if they are one after the other in memory."""
    size, stride = 1, 1
    for n, t in zip(reversed(shape), reversed(strides), strict=True):
        if n == 1:
            continue
        if size == 1:
            stride = t
        elif t != size * stride:
            return None
        size *= n
    return size, stride


def _dense(rows: tuple[int, int], columns: tuple[int, int]) -> bool:
    (m, row), (n, column) = rows, columns
    return (
        (column == 1 and row >= n)
        or (row == 1 and column >= m)
        or (m == 1 and column == 1)
        or (n == 1 and row == 1)
    )


def _by_blas(s: Scheduler, eqn, left: View, right: View, batch, m, n, k, letter) -> View:
    nb, target = len(batch), s.targets.get(eqn.outvars[0])
    free = len(eqn.invars[0].aval.shape) - nb - len(eqn.params["dimension_numbers"][0][0])
    out = target
    if target is None or not target.is_row_major:
        dtype, shape = eqn.outvars[0].aval.dtype, eqn.outvars[0].aval.shape
        axes = order = tuple(range(len(shape)))
        if batch and m > n and n < SHORT_ROW:
            order = (*axes[:nb], *axes[nb + free :], *axes[nb : nb + free])
        out = s.new_view_along(dtype, shape, order)
        if order != axes:
            # The transposed product, whose rows are the long side.
            left, right = (v.permuted((*range(nb), nb + 1, nb)) for v in (right, left))
            m, n = n, m
    target = out if target is None else target
    product = _Product(s, left, right, out, m, n, k, letter)
    if batch:
        work = Lazy(target.dtype, batch, None, COST_OF_CALL, needs_of([left, right]))
        s.add_calls(Calls((*batch, m, n), tuple(range(nb)), [Job(batch, work, out)], call=product))
    elif not out.shape or target.dtype.kind == "c":
        s.close()
        product(())
    else:
        s.seal()
        candidates = [_along_rows(product, along) for along in "mk" if along == "k" or free == 1]
        admitted = [c for c in candidates if s.bundle is not None and s.bundle.admits(c)]
        s.add_calls((admitted or candidates)[0])
    if out is not target:
        s.copy(out, target)
    return target if target.shape else s.numbers(out)


def _along_rows(product: _Product, along: str) -> Calls:
    """Return a product that may be made in blocks: of rows of the left side, or of terms of the sums."""
    left, right, out = product.left, product.right, product.out
    if along == "m":
        needs, axes = needs_of([left]) | needs_of([right], elsewhere=True), frozenset()
        domain = product.m, max(product.n, product.k)
    else:
        needs, axes = needs_of([left.permuted((1, 0)), right]), frozenset([0])
        domain = product.k, product.m * product.n
    identity, combine = elementwise.COMBINERS["add"]
    work = Lazy(out.dtype, domain[:1], None, COST_OF_CALL, needs)
    if along == "k":
        job = Job(domain[:1], work, out, axes, tuple(identity(out.dtype)), combine, accumulate=True)
    else:
        job = Job(domain[:1], work, out)
    calls = Calls(domain, (0,), [job], call=product, along=along, clear=product.clear)
    # A block of terms adds to the result, which takes a quarter of the time of a copy.
    calls.packed = product.right_size if along == "m" else product.m * product.n // 4
    return calls


class _Product:
    """Writes the calls of BLAS for a product of matrices, or for each of a stack of them."""

    def __init__(self, s: Scheduler, left: View, right: View, out: View, m: int, n: int, k: int, letter: str):
        self.b, self.left, self.right, self.out = s.b, left, right, out
        self.m, self.n, self.k, self.letter = m, n, k, letter
        self.scalar, self.count = storage(out.dtype)
        self.constants = {}
        if self.count == 2:
            self.constants = {v: s.address(_complex_constant(s, v, out.dtype)) for v in (1, 0)}
        self.right_size = 0 if 1 in (m, n) else n * k

    def clear(self) -> None:
        """Make the result zero."""
        with self.b.loop(self.m * self.n, kind="parallel") as i:
            self.b.store(self.out.buffer, self.out.offset + i, self.number(0))

    def number(self, value):
        return self.constants[value] if self.constants else Const(value, self.scalar)

    def start(self, view: View, index) -> Affine:
        """Return where the matrix of a stack begins."""
        return view.offset + sum((i * t for i, t in zip(index, view.strides, strict=False)), Affine())

    def address(self, view: View, index, steps, rows: int, columns: int) -> Address:
        offset = self.start(view, index)
        last = (rows - 1) * steps[0] + (columns - 1) * steps[1]
        return Address(view.buffer, offset * self.count, (last + 1) * self.count)

    def __call__(self, index: Index, along: str = "", first=None, count=None, block: int = 0) -> None:
        """Write one call; of ``count`` rows or terms from ``first`` on, at most ``block``, where they are blocks."""
        vector = 1 in (self.m, self.n) and self.letter in "sd" and not along
        if vector and self.m * self.n * self.k <= LARGEST_READ_BY_LOOPS and self._by_vectors(index):
            return
        self._write(index, along, first, count, block)
        self.b.statements[-1].expected = block or None

    def _by_vectors(self, index: Index) -> bool:
        """Write loops for a matrix times a vector; returns whether the matrix lies so that they are fast."""
        matrix, vector = (self.left, self.right) if self.n == 1 else (self.right, self.left)
        by_rows = self.n == 1
        size, step, term = (self.m, *matrix.strides[-2:]) if by_rows else (self.n, *matrix.strides[:-3:-1])
        along = vector.strides[-2] if by_rows else vector.strides[-1]
        starts = [self.start(view, index) for view in (matrix, vector, self.out)]
        lines = _Lines(self.b, (matrix.buffer, vector.buffer, self.out.buffer), starts, step, term, along)
        if term == 1 or self.k == 1:
            lines.sums(size, self.k)
        elif step == 1:
            lines.terms(size, self.k)
        return 1 in (term, step, self.k)

    def _write(self, index: Index, along: str, first, count, block: int) -> None:
        b, m, n, k = self.b, self.m, self.n, self.k
        start = (*index, Affine.of(first)) if along == "m" else index
        tail = (Affine.of(first),) if along == "k" else ()
        most = {"m": m, "n": n, "k": k} | ({along: block} if along else {})
        left, right, steps = self.left, self.right, (n, 1)
        a = self.address(
            left, (*start, *((Affine(),) * bool(tail)), *tail), left.strides[-2:], most["m"], most["k"]
        )
        c = self.address(right, (*index, *tail), right.strides[-2:], most["k"], n)
        z = self.address(self.out, start, steps, most["m"], n)
        flag_left, ld_left = _orientation(left, m, k)
        flag_right, ld_right = _orientation(right, k, n)
        sizes = {"m": Const(m, INT), "n": Const(n, INT), "k": Const(k, INT)} | (
            {along: count} if along else {}
        )
        # Blocks of terms add to what is there.
        one, beta = Const(1, INT), self.number(1 if along == "k" else 0)
        if m == 1 and n > 1 and self.letter in "sd":
            step = left.strides[-1] if k > 1 else 1
            rows, columns = (sizes["n"], sizes["k"]) if flag_right == "N" else (sizes["k"], sizes["n"])
            b.call(
                f"{self.letter}gemv", _char(flag_right), rows, columns, self.number(1), c,
                Const(ld_right, INT), a, Const(step, INT), beta, z, one,
            )  # fmt: skip
            return
        if n == 1 and self.letter in "sd":
            # A matrix times a vector: of the transposed matrix as BLAS sees it.
            step = right.strides[-2] if k > 1 else 1
            flag = "T" if flag_left == "N" else "N"
            rows, columns = (sizes["k"], sizes["m"]) if flag == "T" else (sizes["m"], sizes["k"])
            b.call(
                f"{self.letter}gemv", _char(flag), rows, columns, self.number(1), a,
                Const(ld_left, INT), c, Const(step, INT), beta, z, one,
            )  # fmt: skip
            return
        b.call(
            f"{self.letter}gemm", _char(flag_right), _char(flag_left), sizes["n"], sizes["m"], sizes["k"],
            self.number(1), c, Const(ld_right, INT), a, Const(ld_left, INT), beta, z, Const(max(n, 1), INT),
        )  # fmt: skip


class _Lines:
    """Writes a matrix times a vector, several rows or several terms at a time, so that the result is seldom loaded.

    ``step`` is from one element of the result to the next, ``term`` from one term of its sum to the next, both in the
    matrix; ``along`` that of the vector.
    """

    def __init__(self, b, buffers, starts: list[Affine], step: int, term: int, along: int):
        self.b, (self.matrix, self.vector, self.out), self.starts = b, buffers, starts
        self.step, self.term, self.along = step, term, along

    def element(self, i: Affine, j: Affine):
        return self.b.load(self.matrix, self.starts[0] + i * self.step + j * self.term)

    def factor(self, j: Affine):
        return self.b.load(self.vector, self.starts[1] + j * self.along)

    def sums(self, size: int, terms: int) -> None:
        """Write loops over terms that lie one after the other."""
        b = self.b

        def rows(first: Affine, count: int) -> None:
            totals = [b.carry(Const(0, self.out.dtype)) for _ in range(count)]
            with b.loop(terms, totals, kind="reduce") as j:
                x = self.factor(Affine.of(j))
                for k, total in enumerate(totals):
                    product = b.let("mul", self.element(first + k, Affine.of(j)), x)
                    total.next = b.let("add", total.inside, product)
            for k, total in enumerate(totals):
                b.store(self.out, self.starts[2] + first + k, total.result)

        whole, rest = divmod(size, ROWS_AT_ONCE)
        if whole:
            with b.loop(whole, kind="parallel") as i:
                rows(Affine.of(i) * ROWS_AT_ONCE, ROWS_AT_ONCE)
        if rest:
            rows(Affine(whole * ROWS_AT_ONCE), rest)

    def terms(self, size: int, terms: int) -> None:
        """Write loops over elements of the result that lie one after the other."""
        b = self.b

        def add(first: Affine, count: int, to_zero: bool = False) -> None:
            factors = [self.factor(first + k) for k in range(count)]
            with b.loop(size, kind="parallel") as i:
                place = self.starts[2] + Affine.of(i)
                parts = [
                    b.let("mul", self.element(Affine.of(i), first + k), x) for k, x in enumerate(factors)
                ]
                while len(parts) > 1:
                    parts = [b.let("add", *parts[k : k + 2]) for k in range(0, len(parts) - 1, 2)] + (
                        parts[-1:] if len(parts) % 2 else []
                    )
                b.store(
                    self.out, place, parts[0] if to_zero else b.let("add", b.load(self.out, place), parts[0])
                )

        # The rest first, which needs no zeros to add to.
        rest = terms % TERMS_AT_ONCE or TERMS_AT_ONCE
        add(Affine(), rest, to_zero=True)
        if terms > rest:
            with b.loop((terms - rest) // TERMS_AT_ONCE, any_order=True) as block:
                add(Affine.of(block) * TERMS_AT_ONCE + rest, TERMS_AT_ONCE)


def _orientation(view: View, rows: int, columns: int) -> tuple[str, int]:
    """Return BLAS's flag and leading dimension for ``view`` read as its transpose."""
    (r, c) = view.strides[-2:]
    if c == 1 and (r >= columns or rows == 1):
        return "N", max(r if rows > 1 else columns, columns, 1)
    return "T", max(c if columns > 1 else rows, rows, 1)


def _char(letter: str) -> Const:
    return Const(ord(letter), np.dtype(np.int8))


def _complex_constant(s: Scheduler, value, dtype) -> View:
    scalar, _ = storage(dtype)
    data = np.array([value, 0], scalar)
    return View.whole(s.program.new_buffer(dtype, 1, "data", data=data), dtype, ())


def _by_loops(s: Scheduler, eqn, sides, batch, m, n, k, dtype) -> Value:
    (lhs, *lhs_dims), (rhs, *rhs_dims) = sides
    lhs, rhs = (s.stored(x) if type(x) is Lazy and x.cost > 2 else x for x in (lhs, rhs))
    nb, nm, nn = len(batch), len(m), len(n)
    single = (Affine(),) * len(k) if math.prod(k) == 1 else ()
    domain = (*batch, *m, *n, *(() if single else k))
    multiply, (identity, combine) = elementwise.COMBINERS["mul"][1], elementwise.COMBINERS["add"]
    convert = elementwise.ELEMENTWISE["convert_element_type"]

    def element(b, x, dims, index):
        if not x.shape:
            parts = x.element(b, ())
        else:
            batch_dims, free_dims, contract_dims = dims
            place = dict(zip(batch_dims, index[:nb], strict=True))
            free = index[nb : nb + nm] if x is lhs_ref else index[nb + nm : nb + nm + nn]
            place.update(zip(free_dims, free, strict=True))
            place.update(zip(contract_dims, single or index[nb + nm + nn :], strict=True))
            parts = x.element(b, tuple(place[d] for d in range(len(x.shape))))
        if x.dtype == dtype:
            return parts
        return convert(b, dtype, (x.dtype,), parts, new_dtype=dtype, weak_type=False)

    # The same value may stand on both sides: sides are told apart by a wrapper of their own.
    lhs_ref = _Side(lhs)
    rhs_ref = _Side(rhs)

    def compute(b, index):
        return multiply(b, dtype, element(b, lhs_ref, lhs_dims, index), element(b, rhs_ref, rhs_dims, index))

    product = Lazy(dtype, domain, compute, lhs.cost + rhs.cost + 1, needs_of([lhs, rhs], elsewhere=True))
    axes = tuple(range(nb + nm + nn, len(domain)))
    if not axes:
        return product if product.shape else s.numbers(product)
    start = tuple(identity(dtype))
    columns_dense = n and type(rhs) is View and rhs.strides[rhs_dims[1][-1]] == 1 and n[-1] >= 4
    if columns_dense and math.prod(domain):
        # Σ over rows of y, each times a number: walks y and z in order.
        target = s.target_for(eqn)
        s.fill(target, Numbers(dtype, start))
        order = (*range(nb + nm), *axes, *range(nb + nm, nb + nm + nn))
        s.add(Job(domain, product, target, frozenset(axes), start, combine, accumulate=True), order)
        return target
    return s.reduction(
        product, axes, start, combine, lambda: s.target_for(eqn), dtype, eqn.outvars[0].aval.shape
    )


class _Side:
    """One operand of a product."""

    __slots__ = ("dtype", "element", "shape")

    def __init__(self, value: Value):
        self.dtype, self.shape, self.element = value.dtype, value.shape, value.element
