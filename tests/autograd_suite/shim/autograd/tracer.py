"""Is a value traced?"""

from jaxlite.trace import Tracer

from .core import primitive


def isbox(x):
    return isinstance(x, Tracer)
