"""Traced values travel in the containers of Python themselves."""

from builtins import dict, isinstance, list, tuple, type
