"""Lists of scenes: a text file with a scene a line, or a folder whose sub-folders they are.

    # a comment
    captures/garden
    captures/kitchen --masks masks/kitchen --granularity 0.3
    "other captures/garden" --name garden-2

A line is read as a shell reads words: a path, then options for this scene alone. Paths are relative to the list. A
scene is called as its folder, or by --name.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splatseg.errors import CaptureError, SplatsegError
from splatseg.plain_text import first_few
from splatseg.untrusted.paths import shortened

MOST_BYTES = 10**8
"""Most bytes of a list: a million scenes."""

NAME = "--name"
"""Option of a line that names its scene."""


@dataclass(frozen=True)
class Line:
    """One scene of a list."""

    place: str
    """Place in the list, for messages."""
    source: Path
    """The capture or the run, an absolute path."""
    name: str
    """Name of the scene."""
    options: tuple[str, ...] = ()
    """Options for this scene alone."""
    base: Path = Path()
    """Folder from which paths in its options start."""


def read_lines(path: Path, is_scene: Callable[[Path], bool], noun: str) -> tuple[list[Line], list[str]]:
    """Return the scenes of a list or a folder, and the names of sub-folders that are none.

    is_scene: tells whether a sub-folder is a scene. noun: the word for scenes.

    Raises CaptureError for a path that is neither, for a line that cannot be read, and for a list without scenes.
    """
    if path.is_dir():
        return _of_folder(path, is_scene, noun)
    if not path.is_file():
        raise CaptureError(
            f"there is no list and no folder {shortened(str(path))}; give a text file with one {noun} a line, or a "
            f"folder of {noun}s"
        )
    lines = [line for number, text in _texts(path) if (line := _line(path, number, text)) is not None]
    if not lines:
        raise CaptureError(f"{path} lists no {noun}; write the path of one in each line")
    return lines, []


def _of_folder(path: Path, is_scene: Callable[[Path], bool], noun: str) -> tuple[list[Line], list[str]]:
    inner = sorted(each for each in path.iterdir() if each.is_dir() and not each.name.startswith("."))
    found = [each for each in inner if is_scene(each)]
    others = [each.name for each in inner if each not in set(found)]
    if not found:
        held = f"of its {len(others)} folders ({first_few(others)}) none is one" if others else "it holds no folders"
        raise CaptureError(f"{path} is no folder of {noun}s: {held}; give the folder above them, or a list")
    return [Line(str(each), each.absolute(), each.name, base=Path.cwd()) for each in found], others


def _texts(path: Path) -> list[tuple[int, str]]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CaptureError(f"{path} is too long for a list ({path.stat().st_size:,} bytes); give a text file")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise CaptureError(f"{path} is not text in UTF-8, so it is no list; give a text file") from None
    except OSError as error:
        raise CaptureError(f"the list {path} cannot be read ({error.strerror}); give yourself permission") from None
    return [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _line(path: Path, number: int, text: str) -> Line | None:
    place = f"{path}, line {number}"
    reader = shlex.shlex(text, posix=True, punctuation_chars=False)
    reader.whitespace_split, reader.commenters, reader.escape = True, "", ""
    try:
        words = list(reader)
    except ValueError:
        raise CaptureError(f"{place}: a quotation mark is not closed; close it") from None
    comment = next((k for k, word in enumerate(words) if word.startswith("#")), len(words))
    words = words[:comment]
    if not words:
        return None
    if words[0].startswith("-") or "\0" in text:
        raise CaptureError(f"{place}: it does not begin with a path; write that first, then options")
    if len(words) > 1 and not words[1].startswith("-"):
        raise CaptureError(f"{place}: '{words[1]}' behind the path is no option; put a path with spaces in quotes")
    base = path.absolute().parent
    # Not resolved: a link to a capture is called as itself.
    source = Path(os.path.abspath(base / Path(words[0]).expanduser()))  # noqa: PTH100
    name, options = _named(words[1:], place)
    return Line(place, source, name or source.name, tuple(options), base)


def _named(options: list[str], place: str) -> tuple[str, list[str]]:
    """Return the name that the options of a line give, and the other options."""
    name, rest, words = "", list[str](), iter(options)
    for word in words:
        if word == NAME or word.startswith(f"{NAME}="):
            name = word.partition("=")[2] or next(words, "")
            if not name:
                raise CaptureError(f"{place}: {NAME} needs a name")
        else:
            rest.append(word)
    return name, rest


def at_line(line: Line, error: SplatsegError) -> str:
    """Return the sentence of a mistake with the place where it is."""
    return f"{line.place}: {error}"
