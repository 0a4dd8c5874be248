"""The embedded capture: images/, sparse/0, masks/, gt/instance and gt/scene.json in one folder.

64 views of 320x240, every 8th held out. Its own README.md describes its content and how it was made.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from splatseg.errors import CaptureError


def demo_capture() -> Path:
    """Return the folder of the embedded capture.

    Raises CaptureError if it is not there as files: a damaged install, or a package run from inside a zip archive.

    Example:
        >>> sorted(path.name for path in splatseg.demo_capture().iterdir() if path.is_dir())
        ['gt', 'images', 'masks', 'sparse']
    """
    folder = files("splatseg.demo") / "data"
    if not isinstance(folder, Path) or not (folder / "images").is_dir():
        raise CaptureError(
            f"the demo capture is not at {folder}; reinstall splatseg (as a folder, not from inside a zip archive)"
        )
    return folder
