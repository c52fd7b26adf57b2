"""``jaxlite.example_libraries``: layers and optimisers as pairs and triples of functions, under JAX's names.

``stax``: networks as ``(init, apply)``. ``optimizers``: ``(init, update, get_params)`` over pytrees. Both are small
enough to read, and meant for examples.
"""
