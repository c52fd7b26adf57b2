"""Extension modules that export C functions, without the packages around them: importing scipy.linalg takes 0.1 s.

load("scipy.linalg.cython_blas").__pyx_capi__["dgemm"]
"""

from __future__ import annotations

import importlib
import sys
import threading
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType

# Modules that need nothing of their package.
_ALONE = frozenset(("scipy.linalg.cython_blas", "scipy.linalg.cython_lapack"))
_loaded: dict[str, ModuleType] = {}


def load(name: str) -> ModuleType:
    """Return an extension module, alone where that goes.

    Whoever imports it later, or its package, gets the same module.
    """
    module = loaded(name)
    if module is None and name in _ALONE and threading.active_count() == 1:
        # Another thread could be about to import it, and would find half of it.
        module = _alone(name)
    if module is None:
        module = importlib.import_module(name)
    _loaded[name] = module
    return module


def loaded(name: str) -> ModuleType | None:
    """Return a module that is loaded already."""
    return sys.modules.get(name) or _loaded.get(name)


def _alone(name: str) -> ModuleType | None:
    package = find_spec(name.rpartition(".")[0])
    spec = package and PathFinder.find_spec(name, package.submodule_search_locations)
    if spec is None or spec.loader is None:
        return None
    try:
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError:
        return None
    finally:
        # An import finds it on disk again, is given the same module, and makes it an attribute of its package.
        sys.modules.pop(name, None)
    return module
