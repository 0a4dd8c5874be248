"""Errors of users. Each message is one sentence or two: what was found, where, and what to do.

Each is a `SplatsegError`: the command line prints its message without a traceback and exits with code 2. Mistakes that
only a programmer can make are assertions or ValueErrors and not listed here.
"""

from __future__ import annotations

import errno
from pathlib import Path

_ROOM = "make room there, or name another place"
_RIGHTS = "name a place where you may write"
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), _ROOM),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _RIGHTS),
    errno.EFBIG: "raise the limit of the size of files (ulimit -f), or name another place",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EISDIR: "name a file",
}
"""Remedies for errors of writing, by their number."""


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


class EngineError(SplatsegError):
    """The engine cannot work: no scheduler answers, workers differ, its file or its share of the items is wrong."""


class NotFoundError(PromptError):
    """The object described in words is not in the scene; the command line exits with code 3."""


class OutputError(SplatsegError):
    """A file cannot be written: the format is unknown, an extra is missing, or the folder is not writable."""


def unwritten(path: Path, error: OSError) -> str:
    """Return the message for a file or folder that could not be written: path, cause, what to do."""
    remedy = _REMEDIES.get(error.errno or 0, "name another place")
    # An error of writing names the file itself, which may lie in the folder or next to the file.
    place = error.filename if error.filename and is_of_writing(error) else path
    return f"{place} cannot be written ({error.strerror or error}); {remedy}"


def is_of_writing(error: OSError) -> bool:
    """Tell whether an error of the system can only come from writing."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EISDIR)
