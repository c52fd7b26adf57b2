"""Machine code kept on disk: one file a program, checked before it is used. Layer 6.

    <cache folder>/3f/3fa9…      SHA-256 of key and payload, then the payload

Nothing that goes wrong here stops a program: what cannot be read is a miss, what cannot be written is warned of once.
A payload is unpickled and run, so the folder must belong to the user alone, and each file too; in a folder that others
may write to, nothing is read or written. The digest covers the key, so that a file under another's name is a miss.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jaxlite.config import config
from jaxlite.counters import counters
from jaxlite.errors import CacheWarning
from jaxlite.locks import new_lock

_DIGEST = 32
_DEFAULT_MEGABYTES = 512
# Files are looked over after so many writes of a process, or when no process did for so many seconds.
_SECONDS_BETWEEN_SWEEPS = 3600.0
# A file's time is renewed when it is used, at most once in so many seconds.
_RENEWED_AFTER = 3600.0
# A file that a process did not finish to write is deleted after so many seconds.
_ABANDONED_AFTER = 3600.0
_TEMPORARY = ".new-"
# Its time says when the folder was looked over.
_SWEPT = ".swept"
# Holds the digest of the compiler's source, under a name made of what the system says about its files.
_SOURCE_DIGEST = ".source-"
_SOURCE_DIGEST_KEPT = 30 * 86400.0
# Not through a link, and not to wait for the other end of a pipe. Systems have what they have of these.
_READ = functools.reduce(
    lambda flags, name: flags | getattr(os, name, 0),
    ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"),
    os.O_RDONLY,
)
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

# What machine code depends on besides its program: these parts of the package.
_SOURCES = (
    *("codegen", "control", "ops", "passes", "runtime"),
    *("array.py", "dtypes.py", "ir.py", "lowering.py", "primitive.py", "trace.py"),
)
_PACKAGE = Path(__file__).parent.parent
# Variables by which Numba's users change the code that it makes.
_NUMBA_VARIABLES = ("CPU_FEATURES", "CPU_NAME", "ENABLE_AVX", "LOOP_VECTORIZE", "OPT", "SLP_VECTORIZE")


class Cache:
    """The files of one user.

    Examples
    --------
    >>> from jaxlite.runtime.cache import cache
    >>> cache.load("00" * 20) is None
    True
    """

    def __init__(self):
        self._lock = new_lock()
        self._warned = False
        self._unswept = 0
        # Folders found to be the user's own, and those that could not be written to.
        self._own: set[Path] = set()
        self._full: set[Path] = set()
        self._source_digest: str | None = None

    # --- where

    def folder(self) -> Path | None:
        """Return the folder, or None where caching is switched off.

        ``jax_compilation_cache_dir`` of the config, then ``JAXLITE_CACHE_DIR``, then the platform's cache folder;
        ``jax_enable_compilation_cache=False`` or ``JAXLITE_CACHE=0`` switch it off.
        """
        if config.read("jax_enable_compilation_cache") is False or os.environ.get("JAXLITE_CACHE") == "0":
            return None
        chosen = config.read("jax_compilation_cache_dir") or os.environ.get("JAXLITE_CACHE_DIR")
        # Absolute: what is found out about a folder must not be taken for that of the next working directory.
        return Path(chosen).expanduser().absolute() if chosen else _platform_folder() / "jaxlite"

    def _usable_folder(self, create: bool = False) -> Path | None:
        """Return the folder if it is nobody else's; it may be missing where it is not to be made."""
        folder = None
        try:
            folder = self.folder()
            if folder is None:
                return None
            if create:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder not in self._own:
                if not _is_private(folder.stat()):
                    self._warn(
                        f"{folder} belongs to another user, or others may write to it",
                        "make the folder your own with chmod 700",
                    )
                    return None
                self._own.add(folder)
        except FileNotFoundError as error:
            # Nothing was kept yet, or it was deleted at this moment.
            if not create:
                return folder
            self._warn(f"{folder} cannot be made: {error}")
            return None
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            self._warn(f"{folder or 'the cache folder'} cannot be used: {error}")
            return None
        return folder

    def _warn(self, what: str, fix: str = "set JAXLITE_CACHE_DIR to a folder of your own") -> None:
        counters.add("num_cache_errors")
        with self._lock:
            if self._warned:
                return
            self._warned = True
        warnings.warn(
            CacheWarning(
                f"compiled programs are not kept on disk: {what}.",
                fix=f"{fix}, or JAXLITE_CACHE=0 to keep them in memory only.",
            ),
            stacklevel=3,
        )

    def _path(self, folder: Path, key: str) -> Path:
        return folder / key[:2] / key

    # --- reading and writing

    def load(self, key: str, *, counted: bool = True) -> bytes | None:
        """Return the payload that was stored under a key, or None. Whatever goes wrong is a miss.

        Parameters
        ----------
        key : str
            Hexadecimal digits.
        counted : bool
            Whether it is a program, of which the counters tell.
        """
        folder = self._usable_folder()
        if folder is None:
            return None
        payload = None
        try:
            payload = _read(self._path(folder, key), key)
        except FileNotFoundError:
            pass
        except Exception:  # noqa: BLE001 (a file that cannot be used is as good as none)
            counters.add("num_cache_errors")
        if counted:
            counters.add("num_cache_misses" if payload is None else "num_cache_hits")
        return payload

    def store(self, key: str, payload: bytes) -> None:
        """Keep a payload; replaces what was there at one stroke, so that readers see the one or the other.

        Parameters
        ----------
        key : str
            Hexadecimal digits.
        payload : bytes
        """
        folder = self._usable_folder(create=True)
        if folder is None or folder in self._full or len(payload) > _limit():
            return
        path = self._path(folder, key)
        try:
            _write(path, key, payload)
        except OSError as error:
            # The next file may do better where a folder has just been deleted, another one is in the file's place, or
            # (on Windows) another process reads the file.
            only_this = isinstance(error, FileNotFoundError | IsADirectoryError)
            if not only_this and not (os.name == "nt" and path.exists()):
                self._full.add(folder)
                self._warn(f"{path.parent} cannot be written: {error}")
            return
        self._unswept += len(payload)
        if self._unswept > _limit() / 8 or _age(folder / _SWEPT) > _SECONDS_BETWEEN_SWEEPS:
            self._unswept = 0
            self.sweep()

    # --- keeping house

    def files(self) -> list[Path]:
        """Return all kept files."""
        folder = self._usable_folder()
        return [] if folder is None else [Path(entry.path) for entry in _entries(folder) if _is_kept(entry)]

    def sweep(self) -> None:
        """Delete the files that were not used for longest, until the rest is within the limit."""
        folder = self._usable_folder()
        if folder is None:
            return
        with contextlib.suppress(OSError):
            (folder / _SWEPT).touch(mode=0o600)
        found = []
        for entry in _entries(folder):
            with contextlib.suppress(OSError):
                info = entry.stat(follow_symlinks=False)
                if _is_kept(entry):
                    found.append((info.st_mtime, info.st_size, entry.path))
                elif entry.name.startswith(_TEMPORARY) and time.time() - info.st_mtime > _ABANDONED_AFTER:
                    os.unlink(entry.path)
        for path in folder.glob(f"{_SOURCE_DIGEST}*"):
            if _age(path) > _SOURCE_DIGEST_KEPT:
                with contextlib.suppress(OSError):
                    path.unlink()
        limit, total = _limit(), sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= limit:
                return
            with contextlib.suppress(OSError):
                os.unlink(path)
            total -= size

    def clear(self) -> None:
        """Delete every kept program and digest of the source, and nothing else that may be in the folder."""
        folder = self._usable_folder()
        for path in () if folder is None else (*self.files(), *folder.glob(f"{_SOURCE_DIGEST}*")):
            with contextlib.suppress(OSError):
                path.unlink()

    # --- what machine code depends on besides the program

    def environment(self) -> str:
        """Return what a program's key must hold besides the program: Python, NumPy and the compiler's own source.

        Versions of Numba and LLVM and the processor are added by `runtime.engine.host`, which imports them.
        """
        return f"{_environment()}|{self._sources()}"

    def _sources(self) -> str:
        """Return the digest of the compiler's source, of which nothing is read where no file of it has changed."""
        if self._source_digest is not None:
            return self._source_digest
        signature = _sources_signature(_PACKAGE)
        folder = self._usable_folder()
        path = None if folder is None else folder / (_SOURCE_DIGEST + signature)
        digest = None
        if path is not None:
            with contextlib.suppress(Exception):
                digest = _read(path, signature).decode()
        if digest is None:
            digest = _sources_digest(_PACKAGE)
            if path is not None and folder.exists():
                with contextlib.suppress(OSError):
                    _write(path, signature, digest.encode())
        self._source_digest = digest
        return digest


def _is_private(info: os.stat_result) -> bool:
    """Return whether a file or folder is the user's, and nobody else may write to it."""
    return os.name == "nt" or (info.st_uid == os.geteuid() and not info.st_mode & _OTHERS_WRITE)


def _read(path: Path, key: str) -> bytes:
    """Return the payload of a file; raises where it is not what `_write` left."""
    handle = os.open(path, _READ)
    try:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode) or not _is_private(info):
            raise ValueError(f"{path} is no file of this user's")
        with open(handle, "rb", closefd=False) as file:
            data = file.read()
    finally:
        os.close(handle)
    digest, payload = data[:_DIGEST], data[_DIGEST:]
    if _digest(key, payload) != digest:
        raise ValueError(f"{path} is damaged")
    if time.time() - info.st_mtime > _RENEWED_AFTER:
        with contextlib.suppress(OSError):
            os.utime(path)
    return payload


def _write(path: Path, key: str, payload: bytes) -> None:
    """Write a file beside its place, and move it there."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_digest(key, payload) + payload)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _digest(key: str, payload: bytes) -> bytes:
    digest = hashlib.sha256(key.encode())
    digest.update(payload)
    return digest.digest()


def _entries(folder: Path) -> Iterator[os.DirEntry]:
    """Yield what is in the folders of a cache folder; they are named by the first two digits of a key."""
    for k in range(256):
        with contextlib.suppress(OSError), os.scandir(folder / f"{k:02x}") as entries:
            yield from entries


def _is_kept(entry: os.DirEntry) -> bool:
    """Return whether this is the file of a program."""
    name = entry.name
    is_key = os.path.basename(os.path.dirname(entry.path)) == name[:2] and not name.strip("0123456789abcdef")
    return is_key and len(name) > 2 and entry.is_file(follow_symlinks=False)


def _age(path: Path) -> float:
    """Return the seconds since a file was written; infinite where there is none."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")


def _limit() -> float:
    """Return how many bytes may be kept."""
    return _megabytes(os.environ.get("JAXLITE_CACHE_MAX_MB", "")) * 2**20


@functools.cache
def _megabytes(text: str) -> float:
    """Read the setting; what is no number is said once."""
    try:
        megabytes = float(text or _DEFAULT_MEGABYTES)
    except ValueError:
        megabytes = -1.0
    if megabytes >= 0:
        return megabytes
    warnings.warn(
        CacheWarning(
            f"JAXLITE_CACHE_MAX_MB={text} is no size, so {_DEFAULT_MEGABYTES} MB are kept.",
            fix="set it to a number of megabytes.",
        ),
        stacklevel=3,
    )
    return _DEFAULT_MEGABYTES


@functools.cache
def _environment() -> str:
    # abiflags and the size of an object's head tell debugging and free-threaded builds apart.
    python = (sys.version, sys.implementation.cache_tag, getattr(sys, "abiflags", ""), object.__basicsize__)
    numba = [os.environ.get(f"NUMBA_{name}") for name in _NUMBA_VARIABLES]
    return f"{python}|{np.__version__}|{numba}"


def _files_below(path: str) -> list[str]:
    """Return a file, or all Python files of a folder. By ``os.scandir``: `os.walk` takes twice the time."""
    if path.endswith(".py"):
        return [path]
    files = []
    with contextlib.suppress(FileNotFoundError), os.scandir(path) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                files.append(entry.path)
            elif entry.name != "__pycache__" and entry.is_dir():
                files += _files_below(entry.path)
    return sorted(files)


def _sources_signature(package: Path) -> str:
    """Return a hash over sizes, places and times of the compiler's files (0.4 ms).

    The time of the last change of any kind is one of them; it cannot be set back as that of the last writing can.
    """
    lines = []
    root = str(package)
    for part in _SOURCES:
        for file in _files_below(os.path.join(root, part)):
            with contextlib.suppress(FileNotFoundError):
                info = os.stat(file)
                lines.append(f"{file} {info.st_size} {info.st_ino} {info.st_mtime_ns} {info.st_ctime_ns}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:40]


def _sources_digest(package: Path) -> str:
    """Return a hash over the contents of the compiler's source, the same wherever it stands (2.6 ms)."""
    digest = hashlib.sha256()
    root = str(package)
    for part in _SOURCES:
        for file in _files_below(os.path.join(root, part)):
            with contextlib.suppress(FileNotFoundError), open(file, "rb", buffering=0) as stream:
                content = stream.read()
                digest.update(f"{os.path.relpath(file, root)} {len(content)} ".encode() + content)
    return digest.hexdigest()


def _platform_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


cache = Cache()
