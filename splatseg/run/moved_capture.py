"""A capture that was moved: its new place is written into the run, with that of masks that were in it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from splatseg.errors import CaptureError
from splatseg.run.folder import SETTINGS, Run
from splatseg.run.kept_cameras import keep_cameras
from splatseg.run.settings import RunSettings
from splatseg.run.settings_file import write_settings


def move_capture(run: Run, capture: Path) -> Run:
    """Write into a run that its capture is in another folder now, with its masks if they were in it; return the run.

    Raises CaptureError if that folder is no capture, or has other cameras than the run was made with.
    """
    new = Path(capture).absolute()
    if not new.exists():
        raise CaptureError(f"there is no capture at {new}; give the folder where that of {run.path} is now")
    moved = Run(run.path, moved_settings(run.settings, new))
    found = run.capture_at(moved.settings.capture)
    keep_cameras(run.path, found)
    write_settings(run.path / SETTINGS, moved.settings)
    return moved


def moved_settings(settings: RunSettings, capture: Path) -> RunSettings:
    """Return settings of a run with another folder of its capture, and with that of masks that were in it."""
    old, new = Path(settings.capture.path), Path(capture).absolute()
    masks = tuple(dataclasses.replace(folder, path=_moved(folder.path, old, new)) for folder in settings.masks)
    true = None if settings.true_masks is None else _moved(settings.true_masks, old, new)
    there = dataclasses.replace(settings.capture, path=str(new))
    return dataclasses.replace(settings, capture=there, masks=masks, true_masks=true)


def _moved(path: str, old: Path, new: Path) -> str:
    """Return the place of a folder that was moved with the folder it is in; the old one if it is not there."""
    if Path(path).exists() or not Path(path).is_relative_to(old):
        return path
    place = new / Path(path).relative_to(old)
    return str(place) if place.exists() else path
