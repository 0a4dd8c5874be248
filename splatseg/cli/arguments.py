"""Arguments that several commands share, and the reading of their texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from splatseg.errors import CaptureError, PromptError
from splatseg.requests.blocks import BlocksRequest

if TYPE_CHECKING:
    from splatseg.run.folder import Run

Split = Literal["train", "test", "all"]

RunFolder = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(name="run", metavar="RUN")]
Masks = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="DIR[=WEIGHT]|auto")]
TrueMasks = Annotated[str | None, tyro.conf.arg(metavar="DIR")]
MovedCapture = Annotated[Path | None, tyro.conf.arg(metavar="DIR")]
Cameras = Annotated[Path | None, tyro.conf.arg(metavar="FILE|DIR")]
InBlocks = Annotated[BlocksRequest, tyro.conf.arg(name="")]
Device = Annotated[str | None, tyro.conf.arg(metavar="auto|cpu|cuda[:N]")]


@dataclass(frozen=True)
class Form:
    """The form of what a command prints, the same options for all commands."""

    json: bool = False
    """Print the result as one JSON object, with the figures of the text; what went wrong is {"error": ...}."""
    quiet: Annotated[bool, tyro.conf.arg(aliases=("-q",))] = False
    """Show no progress and no remarks, only results, warnings and errors."""


Printed = Annotated[Form, tyro.conf.arg(name="")]


def read_names(path: Path | None) -> tuple[str, ...] | None:
    """Read names of views, one a line, from a text file; blank lines are skipped. Raises CaptureError."""
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CaptureError(f"the list of views {path} cannot be read: {error}") from None
    return tuple(line.strip() for line in lines if line.strip())


def read_size(text: str | None) -> tuple[int, int] | None:
    """Read width and height from a text like "1280x720". Raises PromptError."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None:
        raise PromptError(f"--size takes WIDTHxHEIGHT in pixels, such as 1280x720, got '{text}'")
    return int(found[1]), int(found[2])


def opened(folder: Path, capture: Path | None) -> Run:
    """Open a run; with a folder of its capture, one that was moved is told so first. Raises RunError, CaptureError."""
    from splatseg.run.folder import open_run

    run = open_run(folder)
    if capture is None:
        return run
    from splatseg.run.moved_capture import move_capture

    return move_capture(run, capture)


def check_source(path: Path) -> None:
    """Raise the error of a path that is neither a run nor a splat file, before what works on it is imported."""
    from splatseg.formats.read import find_splat, format_suffix, holds_splat
    from splatseg.run.folder import open_run

    if holds_splat(path):
        format_suffix(find_splat(path))
    else:
        open_run(path)
