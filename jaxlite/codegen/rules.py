"""All lowering rules: importing this file registers them."""

from jaxlite.codegen import (  # noqa: F401
    rules_contraction,
    rules_control,
    rules_factorisations,
    rules_fft,
    rules_indexing,
    rules_linalg,
    rules_pooling,
    rules_random,
    rules_reductions,
    rules_reflections,
    rules_schur,
    rules_sorting,
    rules_structural,
    rules_tapes,
    rules_windows,
)
