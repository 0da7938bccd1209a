"""Exceptions with tf2's names."""

from __future__ import annotations


class TransformException(Exception):
    """Base of all errors with transforms."""


class LookupException(TransformException):
    """A frame is not known."""


class ConnectivityException(TransformException):
    """Two frames are not part of the same tree."""


class ExtrapolationException(TransformException):
    """A time is outside of what is known."""


class InvalidArgumentException(TransformException):
    """A transform or frame id that makes no sense."""


class TimeoutException(TransformException):
    """A transform did not come in time."""
