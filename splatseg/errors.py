"""Errors of users. Each message is one sentence or two: what was found, where, and what to do.

Each is a `SplatsegError`: the command line prints its message without a traceback and exits with code 2. Mistakes that
only a programmer can make are assertions or ValueErrors and not listed here.
"""


class SplatsegError(Exception):
    """Root of all errors that a user can cause and fix."""


class CaptureError(SplatsegError):
    """A capture (images, cameras, points) is missing, damaged, or of a kind that is not supported."""


class MaskError(SplatsegError):
    """A mask or a folder of masks is missing, unreadable, or does not match the capture."""


class SplatFileError(SplatsegError):
    """A splat file is missing, truncated, hostile, or lacks properties that a splat needs."""


class RunError(SplatsegError):
    """A run folder is missing, exists already, is incomplete, or belongs to other data."""


class PromptError(SplatsegError):
    """A prompt names an unknown view, lies outside the image, or selects nothing."""


class BackendError(SplatsegError):
    """The requested backend of the rasteriser is not available here."""


class WeightsError(SplatsegError):
    """Weights of a model are missing, of another kind than requested, or cannot be loaded here."""


class NotFoundError(PromptError):
    """The object described in words is not in the scene; the command line exits with code 3."""


class OutputError(SplatsegError):
    """A file cannot be written: the format is unknown, an extra is missing, or the folder is not writable."""
