"""The errors that a user can cause and mend.

Each layer raises its own subclass. Its message is one line that names the file, field or parameter
and the remedy, so a command or a node can print it as it is, without a traceback.
"""

from __future__ import annotations


class LssBevError(Exception):
    """Base of every error whose message is meant for the user."""


class GeometryError(LssBevError):
    """A calibration, pose or grid that no camera or map can have."""


class PictureError(LssBevError):
    """Bytes that make no picture; it names no camera and no file, which whoever asked for it adds."""


class MessageError(LssBevError):
    """A message that nobody can have meant; it names the field, and no topic, which whoever took it adds."""


class DatasetError(LssBevError):
    """A data set that is missing, incomplete or damaged."""


class ModelError(LssBevError):
    """A checkpoint or configuration that the network cannot take."""


class RuntimeBackendError(LssBevError):
    """An inference backend that cannot run here, or a frame it cannot take."""


class ImageError(RuntimeBackendError):
    """One camera's image cannot be used; the others' may be.

    Attributes:
        camera: name of the camera.
    """

    def __init__(self, camera: str, problem: str) -> None:
        super().__init__(f"{camera}: {problem}")
        self.camera = camera


class EvaluationError(LssBevError):
    """Inputs that cannot be scored against each other."""


class TrainingError(LssBevError):
    """A training run that cannot start, go on or be resumed."""


class DeployError(LssBevError):
    """A model, engine or bundle that cannot be made, compared or used."""


class WordsError(LssBevError):
    """A prompt that cannot be understood, or no text encoder to understand it with."""


class RosError(LssBevError):
    """No ROS 2 to run on, a node that did not start, or a bag that does not hold what is asked of it."""
