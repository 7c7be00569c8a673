"""What an operator can fix: one kind of error, one line, one exit status."""

from __future__ import annotations

from typing import ClassVar


class OperatorError(Exception):
    """Something the operator can fix: the command ends with `status` and this one line, which names thing and fix.

    Attributes:
        status: exit status of the command.
        earlier_models_may_do: a training job that fails this way does not stop the night; the models before are used.
    """

    status: ClassVar[int] = 2
    earlier_models_may_do: ClassVar[bool] = False


class GateError(OperatorError):
    """A gate that failed: nothing is published."""

    status = 3


class RankError(OperatorError):
    """A fit that ended on a rank, with what the rank said of it."""

    earlier_models_may_do = True


class ModelFileError(OperatorError):
    """A model's file that is missing, damaged, or not what its description says."""

    earlier_models_may_do = True


class ConflictError(OperatorError):
    """Another process wrote the same rows at the same time."""
