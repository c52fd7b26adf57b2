"""How many threads compiled programs use: ours, and those of OpenBLAS. Layer 6.

    set_num_threads(4)        one word in `_words`, which each launch reads: nothing is compiled again

The threads themselves are machine code: see `codegen.thread_pool`.
"""

from __future__ import annotations

import ctypes
import functools
import operator
import os

from jaxlite.codegen import thread_pool as pool
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError
from jaxlite.locks import new_lock
from jaxlite.runtime import extensions

VARIABLE = "JAXLITE_NUM_THREADS"
# How often a thread looks for work before it sleeps, with a pause of the processor each time: some 20 us.
_SPINS = 1000
# Extension modules whose libraries may bring an OpenBLAS along, and what the function is called there: builds for
# NumPy and SciPy have a prefix, those with integers of 64 bits a suffix.
_BLAS_USERS = ("numpy._core._multiarray_umath", "scipy.linalg.cython_blas", "scipy.linalg.cython_lapack")
_SPELLINGS = [f"{p}openblas_%s_num_threads{s}" for p in ("scipy_", "") for s in ("", "64_", "_64")]

_BLAS_OF_PROGRAMS = "scipy.linalg.cython_blas"
# What a forked child takes over of the pool's state.
_KEPT = (pool.LIMIT, pool.SPINS, pool.LAUNCHES, pool.SERIAL_LAUNCHES, pool.SET_BLAS, pool.GET_BLAS)

_lock = new_lock()


def _make_words():
    """Return the global state of the pool, zeros at a whole cache line."""
    memory = ctypes.create_string_buffer(8 * pool.WORDS + 64)
    # Workers look at it for as long as the process lives, longer than this module does.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))
    start = -(-ctypes.addressof(memory) // 64) * 64
    return (ctypes.c_int64 * pool.WORDS).from_address(start)


_words = _make_words()


class _Choice:
    """The number of threads, and whether anybody chose it."""

    number: int | None = None
    by_user = False


def set_num_threads(n: int) -> None:
    """Set how many threads a compiled program may use, OpenBLAS included.

    Parameters
    ----------
    n : int
        At least 1. The default is ``JAXLITE_NUM_THREADS``, or else the number of CPUs that this process may run on.

    Raises
    ------
    ArgumentError
        If ``n`` is no number of threads.

    Notes
    -----
    Nothing is compiled again. Loops are cut into parts whose number does not depend on the number of threads, and
    partial sums are added in their order: results are the same bits for every ``n``, except where OpenBLAS shares the
    work of one large product among its threads.

    OpenBLAS is left as it is until a number is chosen, here or by the variable.

    Examples
    --------
    >>> import jaxlite
    >>> before = jaxlite.get_num_threads()
    >>> jaxlite.set_num_threads(2)
    >>> jaxlite.get_num_threads()
    2
    >>> jaxlite.set_num_threads(before)
    """
    _choose(_checked(n, "set_num_threads"), by_user=True)


def get_num_threads() -> int:
    """Return how many threads a compiled program may use.

    Returns
    -------
    int

    Raises
    ------
    ArgumentError
        If ``JAXLITE_NUM_THREADS`` is set to what is no number of threads.
    """
    if _Choice.number is None:
        with _lock:
            if _Choice.number is None:
                text = os.environ.get(VARIABLE, "")
                _choose(_checked(text, VARIABLE) if text else _default(), by_user=bool(text))
    return _Choice.number


def _checked(n, source: str) -> int:
    """Return a number of threads, or say what is wrong with it."""
    try:
        number = int(n) if isinstance(n, str) else operator.index(n)
    except (TypeError, ValueError):
        number = 0
    if isinstance(n, bool) or not 1 <= number <= pool.MOST_THREADS:
        raise ArgumentError(
            f"{source}: {n!r} is no number of threads.",
            why=f"it is an integer from 1 to {pool.MOST_THREADS}.",
            fix="1 keeps compiled programs in the thread that calls them; "
            "without any setting they use all CPUs of the process.",
        )
    return number


def _default() -> int:
    return min(_cpus(), pool.MOST_THREADS)


def _cpus() -> int:
    """Return the number of CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _choose(n: int, by_user: bool) -> None:
    with _lock:
        _Choice.number, _Choice.by_user = n, by_user
        # Threads that share a CPU must not look for work that one of the others has to do first.
        _words[pool.SPINS] = _SPINS if n <= _cpus() else 0
        _words[pool.LIMIT] = n
        tell_openblas()


def tell_openblas() -> None:
    """Give every OpenBLAS that is loaded the number that was chosen, and the pool that of compiled programs."""
    for name in _BLAS_USERS:
        module = extensions.loaded(name)
        found = module and _functions_of(getattr(module, "__file__", None))
        if not found:
            continue
        setter, getter = found
        if _Choice.by_user:
            # More threads than CPUs only wait for each other: products of 256 x 256 took 36 ms instead of 0.5.
            setter(min(_Choice.number, _cpus()))
        if name == _BLAS_OF_PROGRAMS:
            _words[pool.SET_BLAS], _words[pool.GET_BLAS] = map(_address, found)


@functools.cache
def _functions_of(path: str | None):
    """Return what sets and tells the threads of the OpenBLAS below an extension module, None where there is none."""
    if path is None:
        return None
    try:
        # A symbol is looked for in what the module was linked to as well.
        library = ctypes.CDLL(path)
    except OSError:
        return None
    for spelling in _SPELLINGS:
        setter, getter = (getattr(library, spelling % verb, None) for verb in ("set", "get"))
        if setter is not None and getter is not None:
            setter.restype, setter.argtypes = None, [ctypes.c_int]
            return setter, getter
    return None


def _address(function) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value


def address_of_words() -> int:
    """Return where the global state of the pool is, with the number of threads set."""
    get_num_threads()
    return ctypes.addressof(_words)


def addresses() -> dict[str, int]:
    """Return the addresses of CPython's functions that the pool calls, by name."""
    api = ctypes.pythonapi
    return {name: ctypes.cast(getattr(api, name), ctypes.c_void_p).value for name in pool.PYTHON_FUNCTIONS}


def _num_launches() -> int:
    return _words[pool.LAUNCHES]


def _in_child() -> None:
    """Forget the workers of the parent: the next launch starts new ones, with locks of their own."""
    kept, busy = {place: _words[place] for place in _KEPT}, _words[pool.BUSY]
    ctypes.memset(_words, 0, ctypes.sizeof(_words))
    for place, value in kept.items():
        _words[place] = value
    if busy and kept[pool.SET_BLAS]:
        # The launch of a thread that is not here may have told OpenBLAS to keep to its caller.
        ctypes.CFUNCTYPE(None, ctypes.c_int)(kept[pool.SET_BLAS])(min(_Choice.number, _cpus()))


counters.read_launches = _num_launches
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
