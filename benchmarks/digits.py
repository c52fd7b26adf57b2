"""A small convolutional network on handwritten digits, trained by one source in jaxlite and in JAX.

    python -m benchmarks.digits [--epochs 10] [--batch 32]

1,797 images of 8x8 pixels, of scikit-learn (``pip install -e '.[bench]'``); every fifth is kept for the test. Both
start from the same weights, see the same batches, and take turns epoch by epoch; one core.
"""

from __future__ import annotations

import argparse
import importlib
import os
import time

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np

import jaxlite
from benchmarks.timing import on_one_core

try:
    import jax
except ImportError:
    jax = None


def data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return images and labels for training and for the test."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise SystemExit("benchmarks.digits needs scikit-learn: pip install -e '.[bench]'") from error
    digits = load_digits()
    images = (digits.images[..., None] / 16).astype(np.float32)
    test = np.arange(len(images)) % 5 == 0
    return (images[~test], digits.target[~test]), (images[test], digits.target[test])


def network(stax):
    """Return ``(init, apply)``: two convolutions, a maximum over squares of four pixels, two dense layers."""
    return stax.serial(
        stax.Conv(32, (3, 3), padding="SAME"),
        stax.Relu,
        stax.Conv(32, (3, 3), padding="SAME"),
        stax.Relu,
        stax.MaxPool((2, 2), (2, 2)),
        stax.Flatten,
        stax.Dense(64),
        stax.Relu,
        stax.Dense(10),
        stax.LogSoftmax,
    )


def initial(seed: int):
    """Return weights as plain arrays: both libraries start from them."""
    init, _ = network(importlib.import_module("jaxlite.example_libraries.stax"))
    _, params = init(jaxlite.random.PRNGKey(seed), (-1, 8, 8, 1))
    return jaxlite.tree.map(lambda x: np.asarray(x, np.float32), params)


class Trainer:
    """The network in one library; ``module`` is jaxlite or jax."""

    def __init__(self, module, params):
        stax, optimizers = (
            importlib.import_module(f"{module.__name__}.example_libraries.{name}")
            for name in ("stax", "optimizers")
        )
        _, apply = network(stax)
        start, update, get_params = optimizers.adam(np.float32(1e-3))

        def loss(params, images, labels):
            scores = module.numpy.take_along_axis(apply(params, images), labels[:, None], 1)
            return -scores.mean()

        def step(i, state, images, labels):
            return update(i, module.grad(loss)(get_params(state), images, labels), state)

        self.step = module.jit(step)
        self.answers = module.jit(lambda state, images: apply(get_params(state), images).argmax(1))
        self.state, self.count = start(params), 0

    def epoch(self, images, labels, order, batch: int) -> float:
        """Train on all images once; returns the seconds that it took."""
        start = time.perf_counter()
        for first in range(0, len(order) - batch + 1, batch):
            chosen = order[first : first + batch]
            self.state = self.step(self.count, self.state, images[chosen], labels[chosen])
            self.count += 1
        # The last step is done when its result can be read.
        np.asarray(self.answers(self.state, images[:1]))
        return time.perf_counter() - start

    def accuracy(self, images, labels) -> float:
        return float(np.mean(np.asarray(self.answers(self.state, images)) == labels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    train, test = data()
    on_one_core()
    jaxlite.set_num_threads(1)
    params = initial(0)
    modules = {"jaxlite": jaxlite} | ({"JAX": jax} if jax else {})
    trainers = {name: Trainer(module, params) for name, module in modules.items()}
    print(f"{'epoch':<8}" + "".join(f"{name:>12}{'right':>8}" for name in trainers) + f"{'ratio':>8}")
    rng, times = np.random.default_rng(0), {name: [] for name in trainers}
    for number in range(options.epochs):
        order, text = rng.permutation(len(train[0])), f"{number:<8}"
        for name, trainer in trainers.items():
            times[name].append(trainer.epoch(*train, order, options.batch))
            text += f"{1e3 * times[name][-1]:>10.1f}ms{100 * trainer.accuracy(*test):>7.1f}%"
        if jax:
            text += f"{times['jaxlite'][-1] / times['JAX'][-1]:>8.2f}"
        print(text, flush=True)
    if jax and options.epochs > 1:
        ours, theirs = (float(np.median(times[name][1:])) for name in ("jaxlite", "JAX"))
        print(f"median after the first epoch, which compiles: {ours / theirs:.2f} of JAX's time")


if __name__ == "__main__":
    main()
