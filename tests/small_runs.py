"""A small segmented run of the embedded capture: half its size, a sketch of a fit. Seconds to make."""

from __future__ import annotations

from pathlib import Path

import splatseg


def segmented(folder: Path) -> splatseg.Run:
    """A run with features and segments of the embedded masks, in `folder`/run."""
    data = splatseg.demo_capture()
    settings = splatseg.RunSettings.of(
        splatseg.CaptureSettings(path=str(data), downscale=2), masks=str(data / "masks"), iterations=150
    )
    run = splatseg.start_run(folder / "run", settings)
    splatseg.train_run(run)
    return run


def sketch_settings() -> splatseg.RunSettings:
    """Settings of a run with segments, a sixteenth of the pixels of the embedded capture."""
    data = splatseg.demo_capture()
    return splatseg.RunSettings.of(
        splatseg.CaptureSettings(path=str(data), downscale=4), masks=str(data / "masks"), iterations=60
    )


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of every file of a folder, by its path in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
