"""Atomic writing: a file is written under a temporary name, synced, and renamed, so that no half-written file stays."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that appears at `path` only if the block ends without an exception.

    The parent folder is made if it is missing. An existing file is replaced in one step.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to write into; it appears at `path` only if the block ends without an exception.

    Raises OSError if `path` exists and is not an empty folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.mkdir()
        yield aside
        if path.is_dir():
            path.rmdir()
        aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically. Raises ValueError for NaN and infinities, which are not JSON."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_png(path: Path, image: np.ndarray) -> None:
    """Write (H, W) uint8, (H, W) uint16 or (H, W, 3) uint8 as PNG, atomically."""
    assert image.dtype in (np.uint8, np.uint16), image.dtype
    with atomic_write(path) as file:
        Image.fromarray(image).save(file, format="PNG")
