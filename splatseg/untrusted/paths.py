"""Paths that files name: a name that no system takes is one of no file, and not an error of the system."""

from __future__ import annotations

from pathlib import Path


def names_file(path: Path) -> bool:
    """Tell whether a path that a file names leads to a file; False also for names too long or with a zero byte."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def shortened(name: str, most: int = 200) -> str:
    """Return a name for a message: without line ends, and only its beginning if it is long."""
    plain = " ".join(name.split())
    return plain if len(plain) <= most else plain[:most] + "…"
