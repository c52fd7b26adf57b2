"""Convolutions and pooling: ``python -m benchmarks --windows``. Gradients by the image and by the kernel."""

from __future__ import annotations

import functools
import math

import numpy as np

from benchmarks.rows import Row, registering

WINDOW_ROWS: list[Row] = []
row = functools.partial(registering, WINDOW_ROWS)

LAST, FIRST = ("NHWC", "HWIO", "NHWC"), ("NCHW", "OIHW", "NCHW")
LINE, SPACE = ("NHC", "HIO", "NHC"), ("NDHWC", "DHWIO", "NDHWC")


def convolution(
    name: str, image, kernel, numbers, strides=(1, 1), padding="SAME", dtype=np.float32, **options
):
    """Register the sum of squares of a convolution."""

    @row(name)
    def make(lib, rng):
        def loss(operands):
            x, k = operands
            out = lib.lax.conv_general_dilated(x, k, strides, padding, dimension_numbers=numbers, **options)
            return (out**2).sum()

        return loss, (tuple(rng.normal(size=shape).astype(dtype) for shape in (image, kernel)),)


def pooling(name: str, kind: str, image, window, strides, padding="VALID", dtype=np.float32):
    """Register the sum of squares of a reduction over windows."""

    @row(name)
    def make(lib, rng):
        start = dtype(-math.inf if kind == "max" else 0)
        reducer = lib.lax.max if kind == "max" else lib.lax.add

        def loss(x):
            return (lib.lax.reduce_window(x, start, reducer, window, strides, padding) ** 2).sum()

        return loss, (rng.normal(size=image).astype(dtype),)


convolution("3x3, 1 to 16", (8, 28, 28, 1), (3, 3, 1, 16), LAST)
convolution("3x3, 1 to 16, features first", (8, 1, 28, 28), (16, 1, 3, 3), FIRST)
convolution("3x3, 32 to 64", (32, 16, 16, 32), (3, 3, 32, 64), LAST)
convolution("3x3, 32 to 64, f64", (32, 16, 16, 32), (3, 3, 32, 64), LAST, dtype=np.float64)
convolution("3x3, 32 to 64, features first", (32, 32, 16, 16), (64, 32, 3, 3), FIRST)
convolution("3x3, 128 to 128", (4, 14, 14, 128), (3, 3, 128, 128), LAST)
convolution("5x5, every second, 3 to 16", (1, 64, 64, 3), (5, 5, 3, 16), LAST, (2, 2))
convolution("5x5, every second, f64", (1, 64, 64, 3), (5, 5, 3, 16), LAST, (2, 2), dtype=np.float64)
convolution("depthwise 3x3, 16", (8, 32, 32, 16), (3, 3, 1, 16), LAST, feature_group_count=16)
convolution("4 groups 3x3, 32 to 32", (8, 16, 16, 32), (3, 3, 8, 32), LAST, feature_group_count=4)
convolution("line of 256, 5, 8 to 16", (16, 256, 8), (5, 8, 16), LINE, (1,))
convolution("line of 256, 5, 8 to 16, f64", (16, 256, 8), (5, 8, 16), LINE, (1,), dtype=np.float64)
convolution("3x3 spread by 2, 8 to 8", (8, 32, 32, 8), (3, 3, 8, 8), LAST, rhs_dilation=(2, 2))
convolution(
    "3x3 of an image spread by 2",
    (8, 16, 16, 8),
    (3, 3, 8, 8),
    LAST,
    padding=((1, 2), (1, 2)),
    lhs_dilation=(2, 2),
)
convolution("1x1, 32 to 64", (8, 32, 32, 32), (1, 1, 32, 64), LAST)
convolution("7x7 of one image, f64", (1, 1, 64, 64), (1, 1, 7, 7), FIRST, dtype=np.float64)
convolution("3x3x3, 4 to 8", (2, 16, 16, 16, 4), (3, 3, 3, 4, 8), SPACE, (1, 1, 1))
POOLED = (32, 32, 32, 16)
pooling("max 2x2", "max", POOLED, (1, 2, 2, 1), (1, 2, 2, 1))
pooling("max 3x3, every one", "max", POOLED, (1, 3, 3, 1), (1, 1, 1, 1), "SAME")
pooling("max 3x3, every second, first", "max", (8, 16, 32, 32), (1, 1, 3, 3), (1, 1, 2, 2), "SAME")
pooling("mean 2x2", "add", POOLED, (1, 2, 2, 1), (1, 2, 2, 1))
pooling("mean 3x3, every one", "add", POOLED, (1, 3, 3, 1), (1, 1, 1, 1), "SAME")
pooling("max 2x2, f64", "max", (8, 28, 28, 16), (1, 2, 2, 1), (1, 2, 2, 1), dtype=np.float64)
