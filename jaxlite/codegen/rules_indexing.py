def explain(eqn, details):
    return IndexError(str(eqn))
