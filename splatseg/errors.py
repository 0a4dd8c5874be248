"""What a user can get wrong. Each message is one sentence or two: what was found, where, and what to do.

Everything here is a `SplatsegError`; the command line prints its message without a traceback and exits with code 2.
What only a programmer can get wrong is an assertion or a ValueError and is not listed here.
"""


class SplatsegError(Exception):
    """Root of all errors a user can cause and mend."""


class CaptureError(SplatsegError):
    """A capture (images, cameras, points) is missing, damaged, or of a kind that is not supported."""


class MaskError(SplatsegError):
    """A mask or a folder of masks is missing, unreadable, or does not match the capture."""


class SplatFileError(SplatsegError):
    """A splat file is missing, truncated, hostile, or lacks what a splat needs."""


class RunError(SplatsegError):
    """A run folder is missing, already there, incomplete, or belongs to other data."""


class PromptError(SplatsegError):
    """A prompt names an unknown view, lies outside the image, or selects nothing."""


class BackendError(SplatsegError):
    """The rasteriser backend that was asked for is not available here."""


class WeightsError(SplatsegError):
    """Weights of a model are missing, of another kind than asked for, or cannot be loaded here."""


class NotFoundError(PromptError):
    """What was asked for in words is not in the scene; the command line leaves with exit code 3."""


class OutputError(SplatsegError):
    """Something cannot be written: an unknown format, a missing extra, a folder that cannot be written to."""
