"""New run folders: made where there is room, or where a run is to be resumed or replaced."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from splatseg.errors import RunError
from splatseg.parts import is_empty, make_folder
from splatseg.run.folder import FILES, FOLDERS, SETTINGS, Run, open_run
from splatseg.run.settings import RunSettings
from splatseg.run.settings_file import to_plain, write_settings


def create_run(path: Path, settings: RunSettings, resume: bool = False, overwrite: bool = False) -> Run:
    """Make a run folder; with `resume`, open an existing one that has the same settings.

    overwrite: remove the files of an existing run first. Nothing is ever deleted from a folder that is not a run.

    Raises RunError if the folder holds a run and neither `resume` nor `overwrite` is given, if it holds anything else,
    or if the settings to resume with differ.
    """
    path = Path(path)
    if resume and (path / SETTINGS).exists():
        return _resumed(path, settings)
    if not check_room(path, resume, overwrite):
        _make_room(path)
    make_folder(path)
    write_settings(path / SETTINGS, settings)
    return Run(path, settings)


def check_room(path: Path, resume: bool = False, overwrite: bool = False) -> bool:
    """Tell whether a new run folder can be made as it is; False if the files of a run must be removed or resumed.

    Raises RunError as `create_run` does, but for settings that differ; nothing is written.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file, not a folder; name another place with -o")
    if not path.is_dir() or is_empty(path):
        return True
    if not (path / SETTINGS).exists():
        raise RunError(f"{path} exists, is not empty, and is not a run; name an empty or new folder with -o")
    if not (resume or overwrite):
        raise RunError(f"{path} already holds a run; use --resume to continue it or --overwrite to replace it")
    return False


def _resumed(path: Path, settings: RunSettings) -> Run:
    run = open_run(path)
    others = [
        name for name in _differences(to_plain(run.settings), to_plain(settings)) if name not in ("version", "blocks")
    ]
    if others:
        raise RunError(
            f"{path} was started with other settings ({', '.join(others)}); "
            f"resume with the same ones, or use --overwrite to start over"
        )
    return run


def _differences(old: Any, new: Any, name: str = "") -> Iterable[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(set(old) | set(new)):
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    elif old != new:
        yield name


def _make_room(path: Path) -> None:
    # First what tells that the run is finished, so that nothing takes what is half removed for whole. Its settings stay
    # until new ones replace them: without them the folder would be no run, which nothing may overwrite.
    (path / "segments.json").unlink(missing_ok=True)
    # Folders that a killed process left of results (`run.staging`) are the run's too.
    for folder in (*(path / name for name in FOLDERS), *path.glob(".results.*.part")):
        shutil.rmtree(folder, ignore_errors=True)
    for name in set(FILES) - {SETTINGS}:
        (path / name).unlink(missing_ok=True)
