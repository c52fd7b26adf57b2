"""Names of JAX 0.10.2 that jaxlite does not have, each with the reason.

`test_names.py` compares `LEFT_OUT` with the modules of `MODULES`: what is neither here nor listed fails, and so does
what is listed and here.
"""

from __future__ import annotations

MODULES = (
    *("jax.lax", "jax.lax.linalg", "jax.nn", "jax.nn.initializers"),
    *("jax.numpy", "jax.numpy.fft", "jax.numpy.linalg", "jax.random"),
    *(
        "jax.scipy.cluster.vq",
        "jax.scipy.fft",
        "jax.scipy.integrate",
        "jax.scipy.interpolate",
        "jax.scipy.linalg",
    ),
    *("jax.scipy.ndimage", "jax.scipy.optimize", "jax.scipy.signal", "jax.scipy.sparse.linalg"),
    *("jax.scipy.spatial.transform", "jax.scipy.special", "jax.scipy.stats"),
)


def _in(module: str, names: str, reason: str) -> dict[str, str]:
    return dict.fromkeys([f"{module}.{name}" for name in names.split()], reason)


LEFT_OUT = {
    **_in("jax.lax", "pcast precv psend ragged_all_to_all ragged_all_to_all_p", "several devices"),
    **_in("jax.lax", "device_put_p sharding_constraint_p", "several devices: arrays lie in one place"),
    **_in("jax.lax", "after_all after_all_p create_token create_token_p", "tokens: effects are in order without them"),
    **_in("jax.lax", "dce_sink dce_sink_p", "what has an effect is kept, and what has none may go"),
    **_in("jax.lax", "stage stage_p shape_as_value", "internals of JAX's staging; shapes are always known here"),
    **_in("jax.lax", "AccuracyMode Tolerance", "functions have one accuracy, the best that there is"),
    **_in("jax.lax", "DotAlgorithm DotAlgorithmPreset", "every product has full precision on CPUs"),
    **_in("jax.lax", "scaled_dot", "block scaling, for formats of 4 and 8 bits that NumPy does not have"),
    **_in("jax.lax", "ragged_dot_general RaggedDotDimensionNumbers", "not written yet; ragged_dot is"),
    **_in("jax.lax", "rng_bit_generator rng_bit_generator_p RandomAlgorithm rng_uniform rng_uniform_p",
          "XLA's own generators, whose streams nothing promises; random.bits is Threefry as JAX's"),
    **_in("jax.lax", "igamma_grad_a igamma_grad_a_p", "the derivative of igamma, which jvp gives"),
    **_in("jax.lax", "scatter_apply", "a function of JAX's own at[].apply, which is here"),
    **_in("jax.lax", "all_to_all_p approx_top_k_p bessel_i0e_p bessel_i1e_p eq_to_p le_to_p lt_to_p igamma_p igammac_p "
          "mulhi_p reduce_p reduce_window_p regularized_incomplete_beta_p scatter_sub_p select_and_scatter_p split_p "
          "stack_p tile_p unstack_p zeta_p", "no primitive here: the function of that name is composed of others"),
    **_in("jax.lax.linalg", "cholesky_p cholesky_update_p eig_p eigh_p hessenberg_p householder_product_p lu_p "
          "lu_pivots_to_permutation_p ormqr_p qr_p schur_p svd_p symmetric_product_p triangular_solve_p tridiagonal_p "
          "tridiagonal_solve_p", "primitives stand in lax, and take other parameters than JAX's"),
    **_in("jax.lax.linalg", "qdwh", "an algorithm for TPUs; scipy.linalg.polar is by singular values"),
    **_in("jax.nn", "scaled_dot_general scaled_matmul get_scaled_dot_general_config",
          "block scaling, for formats of 4 and 8 bits that NumPy does not have"),
    **_in("jax.numpy", "bfloat16 float4_e2m1fn float6_e2m3fn float6_e3m2fn float8_e3m4 float8_e4m3 float8_e4m3b11fnuz "
          "float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu int1 int2 int4 uint1 uint2 uint4",
          "types that NumPy does not have"),
    **_in("jax.random", "random_gamma_p", "no primitive here: gamma is a loop of others"),
}  # fmt: skip
