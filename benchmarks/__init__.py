"""Measurements beside the peers: ``python -m benchmarks.compile``, ``.calls``, ``.eager``."""
