"""What optimisers and schedules of ``example_libraries.optimizers`` are made with, by name."""

from __future__ import annotations

OPTIMIZERS = {
    "sgd": (0.1,),
    "momentum": (0.1, 0.9),
    "nesterov": (0.1, 0.9),
    "adagrad": (0.1,),
    "rmsprop": (0.1,),
    "rmsprop_momentum": (0.1,),
    "adam": (0.1,),
    "adamax": (0.1,),
    "sm3": (0.1,),
}
SCHEDULES = {
    "constant": (0.5,),
    "exponential_decay": (0.5, 3, 0.9),
    "inverse_time_decay": (0.5, 3, 0.9),
    "polynomial_decay": (0.5, 4, 0.1, 2.0),
    "piecewise_constant": ([2, 4], [0.5, 0.2, 0.1]),
}
