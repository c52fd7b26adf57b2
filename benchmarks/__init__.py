"""Measurements beside the peers: ``python -m benchmarks.compile``, ``python -m benchmarks.calls``."""
