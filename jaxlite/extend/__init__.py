"""``jaxlite.extend.core``: the IR under the name that interpreters written for JAX import."""

from jaxlite.extend import core
