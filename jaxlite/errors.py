"""Every exception that jaxlite raises on purpose, and the one form in which they speak.

A message says *what* happened (in IR notation), *where* (the user's line, never ours first), *why* in one
clause, and how to *fix* it. Classes carry JAX's names where JAX has one, so that programs can catch them by
name, and subclass the builtin that a NumPy user would catch. This file imports nothing of jaxlite but
``source`` (layer 0). What it produces::

    ShapeError: add: operands have shapes f64[3,4] and f64[4,3].
      at  model.py:42, in loss:      return w + x.T
      why axis 0 is 3 on the left and 4 on the right; broadcasting needs equal sizes or 1.
      fix the shapes agree if the right operand is transposed.
"""

from __future__ import annotations

from jaxlite.source import user_location


class JaxliteError(Exception):
    """Base of all jaxlite exceptions; renders *what / where / why / fix*.

    Parameters
    ----------
    what : str
        One sentence: what went wrong, with primitive and avals in IR notation.
    where : str, optional
        ``file:line, in function:   source text``. The caller's line when omitted; ``""`` leaves it out.
    why : str, optional
        One clause that gives the reason.
    fix : str, optional
        An imperative that can be pasted or followed.
    details : sequence of str, optional
        Further lines that stand between *where* and *why*.
    """

    def __init__(self, what: str, *, where: str | None = None, why: str = "", fix: str = "", details=()):
        where = user_location() if where is None else where
        lines = [what]
        if where:
            lines.append(f"  at  {where}")
        lines += [f"  {line}" for line in details]
        if why:
            lines.append(f"  why {why}")
        if fix:
            lines.append(f"  fix {fix}")
        super().__init__("\n".join(lines))


class ShapeError(JaxliteError, TypeError, ValueError):
    """Operands whose shapes do not fit together, or a shape that is no shape."""


class DtypeError(JaxliteError, TypeError):
    """Operands whose dtypes do not fit together or that an operation does not take."""


class IntegerRangeError(DtypeError, OverflowError):
    """A Python integer that does not fit in int64, where it is needed as one."""


class ArgumentError(JaxliteError, TypeError, ValueError):
    """An argument of a public function that has the wrong kind, structure or value."""


class GradOutputError(JaxliteError, TypeError):
    """``grad`` of a function whose result is not one real scalar."""


class GradInputError(JaxliteError, TypeError):
    """Differentiation with respect to something that has no derivative."""


class CarryTypeError(JaxliteError, TypeError):
    """A loop body returned a carry of another type or structure than it was given."""


class BranchTypeError(JaxliteError, TypeError):
    """The branches of a ``cond`` or ``switch`` return different types or structures."""


class BatchSizeError(JaxliteError, ValueError):
    """``vmap`` got arguments whose mapped axes differ in size, or have no such axis."""


class TreeError(JaxliteError, ValueError, TypeError):
    """Pytrees whose structures do not match, or a container that cannot be flattened."""


class StaticArgumentError(JaxliteError, ValueError):
    """A static argument of ``jit`` that cannot be hashed, or whose position or name does not exist."""


class CustomRuleError(JaxliteError, TypeError, ValueError):
    """A ``custom_jvp`` or ``custom_vjp`` rule is missing or returns something that does not fit."""


class RuleError(JaxliteError, NotImplementedError, TypeError):
    """A primitive has no rule for a transformation; the message gives the declared reason."""


class TransposeError(JaxliteError, NotImplementedError, TypeError):
    """A program that is not linear in an input was transposed with respect to it."""


class ParseError(JaxliteError, ValueError):
    """Text handed to ``parse_jaxpr`` is not the text of a program."""


class JaxprTypeError(JaxliteError, TypeError):
    """``check_jaxpr`` found a program that breaks a rule of the IR."""


class AxisNameError(JaxliteError, NameError):
    """A collective names an axis that no enclosing ``vmap`` binds."""


class JAXTypeError(JaxliteError, TypeError):
    """Base of the errors about traced values, under JAX's name."""


class JAXIndexError(JaxliteError, IndexError):
    """Base of the errors about indices, under JAX's name."""


class ConcretizationTypeError(JAXTypeError):
    """A traced value was used where its number is needed."""


class TracerBoolConversionError(ConcretizationTypeError):
    """A traced value was used as a Python bool (``if``, ``while``, ``and``, ``assert``)."""


class TracerArrayConversionError(JAXTypeError):
    """A traced value was handed to NumPy code that needs its numbers."""


class TracerIntegerConversionError(JAXTypeError):
    """A traced value was used as a Python integer (an index, ``range``, a size)."""


class NonConcreteBooleanIndexError(JAXIndexError):
    """A traced boolean mask would give a result whose shape is unknown."""


class UnexpectedTracerError(JAXTypeError):
    """A traced value outlived the trace that made it, or was used in another thread."""


class KeyReuseError(JaxliteError, ValueError):
    """A random key was used twice."""


class InplaceUpdateError(JaxliteError, TypeError, ValueError):
    """Something tried to write into an ``Array`` or a traced value."""


class InternalError(JaxliteError, AssertionError):
    """A check inside jaxlite failed: a bug in jaxlite, not in the user's program."""

    def __init__(self, what: str, **parts):
        super().__init__(f"{what} This is a bug in jaxlite.", **parts)


class CacheWarning(JaxliteError, RuntimeWarning):
    """Compiled programs cannot be kept on disk; they are compiled again in each process."""
