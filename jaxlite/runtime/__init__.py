"""Compile, call and keep machine code. Layer 6: the only place that imports numba."""
