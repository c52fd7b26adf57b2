"""The rows of all files, put together: ``CASES`` holds what every primitive is tested on, ``ERRORS`` what it refuses."""

import importlib
import importlib.util

import pathlib

_FILES = sorted(p.stem for p in pathlib.Path(__file__).parent.glob("[a-z]*.py"))

CASES, ERRORS = [], []
for _name in _FILES:
    try:
        _m = importlib.import_module(f"tests.rows.{_name}")
        CASES += _m.ROWS
        ERRORS += _m.ERRORS
    except Exception:
        continue
