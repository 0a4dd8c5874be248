"""Atomic writing: a file is written under a temporary name, synced, and renamed, so that no half-written file stays."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from splatseg.parts import is_empty, part_file, part_folder

if TYPE_CHECKING:
    import numpy as np


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that appears at `path` only if the block ends without an exception.

    The parent folder is made if it is missing. An existing file is replaced in one step, and so is a link, whose target
    stays as it is. What was written is copied to a device or a pipe at the end; these are never replaced.

    Raises OSError, with `path` as its file name, if the file cannot be written.
    """
    path = Path(path)
    with errors_name(path):
        kind = _kind(path)
        if kind == stat.S_IFDIR:
            raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
        if kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO):
            with tempfile.TemporaryFile() as file, path.open("wb") as device:
                yield file
                file.seek(0)
                shutil.copyfileobj(file, device)
            return
        with part_file(path) as (part, _), errors_name(path, part):
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to write into; it appears at `path` only if the block ends without an exception.

    Raises OSError, with paths below `path` as its file names, if `path` exists and is not an empty folder, or if the
    folder cannot be written.
    """
    path = Path(path)
    with errors_name(path):
        _kind(path)
        with part_folder(path) as part, errors_name(path, part):
            yield part
            if path.is_dir() and is_empty(path):
                path.rmdir()
            part.rename(path)


@contextmanager
def errors_name(path: Path, part: Path | None = None) -> Iterator[None]:
    """Give errors of the system in the block `path` as their file name, if they have none or have that of its part."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            named = str(error.filename or path)
            error.filename = named if part is None else named.replace(str(part), str(path))
            error.filename2 = None
        raise


def _kind(path: Path) -> int:
    """Return the kind of file at `path` (0: none), links followed. Raises OSError for a name that is too long."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return 0


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically. Raises ValueError for NaN and infinities, which are not JSON."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_png(path: Path, image: np.ndarray, texts: Mapping[str, str] | None = None) -> None:
    """Write (H, W) uint8, (H, W) uint16 or (H, W, 3) uint8 as PNG, atomically. texts: kept in the file by name."""
    from PIL import Image  # noqa: PLC0415 (texts need none, and what writes them is to start fast)
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    assert image.dtype.name in ("uint8", "uint16"), image.dtype
    known = PngInfo()
    for name, text in (texts or {}).items():
        known.add_text(name, text)
    # Into memory first: an encoder of Pillow that writes into a file hides why that fails.
    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, format="PNG", pnginfo=known)
    with atomic_write(path) as file:
        file.write(encoded.getbuffer())
