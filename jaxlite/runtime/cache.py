"""Machine code kept on disk: one file a program, checked before it is used. Layer 6.

    <cache folder>/jaxlite/3f/3fa9…      SHA-256 of the payload, then the payload

Nothing that goes wrong here stops a program: what cannot be read is a miss, what cannot be written is warned of once.
The folder belongs to the user alone; in one that others may write to, nothing is read or written.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np

from jaxlite.config import config
from jaxlite.counters import counters
from jaxlite.errors import CacheWarning

_DIGEST = 32
_DEFAULT_MEGABYTES = 512
# Files are looked over once in so many writes of a process.
_WRITES_BETWEEN_SWEEPS = 32
# A file's time is renewed when it is used, at most once in so many seconds.
_RENEWED_AFTER = 3600.0


class Cache:
    """The files of one user."""

    def __init__(self):
        self._lock = threading.Lock()
        self._warned = False
        self._writes = 0
        self._checked: dict[Path, bool] = {}

    # --- where

    def folder(self) -> Path | None:
        """Return the folder, or None where caching is switched off.

        ``jax_compilation_cache_dir`` of the config, then ``JAXLITE_CACHE_DIR``, then the platform's cache folder;
        ``jax_enable_compilation_cache=False`` or ``JAXLITE_CACHE=0`` switch it off.
        """
        if config.read("jax_enable_compilation_cache") is False or os.environ.get("JAXLITE_CACHE") == "0":
            return None
        chosen = config.read("jax_compilation_cache_dir") or os.environ.get("JAXLITE_CACHE_DIR")
        return Path(chosen) if chosen else _platform_folder() / "jaxlite"

    def _usable(self, folder: Path | None) -> bool:
        """Return whether the folder is there and nobody else's; makes it where it is missing."""
        if folder is None:
            return False
        known = self._checked.get(folder)
        if known and folder.is_dir():
            return True
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            info = folder.stat()
            private = os.name == "nt" or (
                info.st_uid == os.getuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            )
        except OSError as error:
            self._warn(f"{folder} cannot be used: {error}")
            return False
        if not private:
            self._warn(f"{folder} belongs to another user, or others may write to it")
            return False
        self._checked[folder] = True
        return True

    def _warn(self, what: str) -> None:
        counters.add("num_cache_errors")
        with self._lock:
            if self._warned:
                return
            self._warned = True
        warnings.warn(
            CacheWarning(
                f"compiled programs are not kept on disk: {what}.",
                fix="set JAXLITE_CACHE_DIR to a folder of your own, or JAXLITE_CACHE=0 to keep them in memory only.",
            ),
            stacklevel=2,
        )

    def _path(self, folder: Path, key: str) -> Path:
        return folder / key[:2] / key

    # --- reading and writing

    def load(self, key: str) -> bytes | None:
        """Return the payload that was stored under a key, or None.

        Parameters
        ----------
        key : str
            Hexadecimal digits.
        """
        folder = self.folder()
        if not self._usable(folder):
            return None
        path = self._path(folder, key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            counters.add("num_cache_misses")
            return None
        except OSError:
            counters.add("num_cache_misses")
            counters.add("num_cache_errors")
            return None
        digest, payload = data[:_DIGEST], data[_DIGEST:]
        if hashlib.sha256(payload).digest() != digest:
            counters.add("num_cache_misses")
            counters.add("num_cache_errors")
            return None
        counters.add("num_cache_hits")
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _RENEWED_AFTER:
                os.utime(path)
        return payload

    def store(self, key: str, payload: bytes) -> None:
        """Keep a payload; replaces what was there at one stroke, so that readers see the one or the other."""
        folder = self.folder()
        if not self._usable(folder):
            return
        path = self._path(folder, key)
        temporary = None
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(payload).digest() + payload)
            os.replace(temporary, path)
        except OSError as error:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
            self._warn(f"{path.parent} cannot be written: {error}")
            return
        self._writes += 1
        if self._writes % _WRITES_BETWEEN_SWEEPS == 1:
            self.sweep()

    def files(self) -> list[Path]:
        """Return all kept files."""
        folder = self.folder()
        if folder is None or not folder.is_dir():
            return []
        return [p for p in folder.glob("[0-9a-f][0-9a-f]/*") if p.is_file()]

    def sweep(self) -> None:
        """Delete the files that were not used for longest, until the rest is within the limit."""
        text = os.environ.get("JAXLITE_CACHE_MAX_MB", "")
        limit = (float(text) if text.replace(".", "", 1).isdigit() else _DEFAULT_MEGABYTES) * 2**20
        found = []
        for path in self.files():
            with contextlib.suppress(OSError):
                info = path.stat()
                found.append((info.st_mtime, info.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= limit:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size

    def clear(self) -> None:
        """Delete every kept program."""
        for path in self.files():
            with contextlib.suppress(OSError):
                path.unlink()

    # --- what machine code depends on besides the program

    @functools.cached_property
    def _environment(self) -> str:
        sources = hashlib.sha256()
        package = Path(__file__).parent.parent
        for part in ("codegen", "runtime"):
            for path in sorted((package / part).glob("*.py")):
                sources.update(path.name.encode() + path.read_bytes())
        return f"{sys.version}|{np.__version__}|{sources.hexdigest()}"

    def environment(self) -> str:
        """Return the versions of Python and NumPy and of the compiler's own source."""
        return self._environment


def _platform_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


cache = Cache()
