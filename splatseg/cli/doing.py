"""Does a parsed command: on its device, with its warnings in the reporter; and tells its errors in a sentence."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from splatseg.cli.console import Terminal
from splatseg.errors import SplatsegError, is_of_writing, unwritten
from splatseg.machine import devices
from splatseg.run.reporter import Reporter


def do_command(command: Any, terminal: Terminal) -> None:
    """Run a command, which is one of the dataclasses in `cli.commands`. Raises its errors."""
    with _warnings_to(terminal):
        _use_device(command)
        command.run(terminal)


def sentence_of(error: BaseException) -> str | None:
    """Return an error that a user can do something about in a sentence; None for any other."""
    if isinstance(error, SplatsegError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, BrokenPipeError):
        # It fails to be read or written where no stage tells it better.
        return _told(error)
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which a help text does not load
        reason = str(error).split(". ", maxsplit=1)[0]
        return f"the card has no memory left ({reason}); use --downscale, a smaller splat, or --device cpu"
    return None


def _use_device(command: Any) -> None:
    """Take the device that a command is given; one that is named must be there before anything is done."""
    if hasattr(command, "device"):
        devices.use(command.device)
        if devices.is_named():
            devices.current()


def _told(error: OSError) -> str:
    """Return an error of the system in a sentence: file, cause, what to do."""
    place = error.filename or "a file"
    if is_of_writing(error):
        return unwritten(Path(place), error)
    if isinstance(error, FileNotFoundError) and not os.path.lexists(place):
        return f"{place} is not there ({error.strerror}); it was moved or removed meanwhile, so put it back"
    remedy = "name another place, or make room there"
    if error.errno == errno.ENAMETOOLONG:
        remedy = "choose a shorter name"
    elif isinstance(error, PermissionError):
        remedy = "give yourself permission, or name another place"
    return f"{place} cannot be read or written ({error.strerror}); {remedy}"


@contextmanager
def _warnings_to(reporter: Reporter) -> Iterator[None]:
    """Show warnings to users as the reporter's; those to programmers stay Python's."""
    with warnings.catch_warnings():
        python = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, UserWarning):
                reporter.warn(str(message))
            else:
                python(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield
