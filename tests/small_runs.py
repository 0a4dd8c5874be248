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
