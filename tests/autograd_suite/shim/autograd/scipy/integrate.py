"""jaxlite's `odeint`, with the steps differentiated, in autograd's order of arguments."""

from jaxlite.experimental import ode


def odeint(func, y0, t, args=()):
    return ode.odeint(func, y0, t, *args, derivatives="loop")
