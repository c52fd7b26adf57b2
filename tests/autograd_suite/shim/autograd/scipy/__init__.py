"""SciPy's functions, of jaxlite where it has them."""
