"""First-order primitives, one declaration each. A primitive and its adjoint share a file."""
