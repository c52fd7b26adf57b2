"""Fourier transforms."""

from . import _source


def __getattr__(name):
    return getattr(_source.fft, name)
