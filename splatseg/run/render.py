"""Pictures of a run from the cameras of its capture, written as PNGs named as the views."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from splatseg.capture import Camera, View
from splatseg.errors import RunError
from splatseg.files import write_png
from splatseg.output import (
    depth_unit,
    fit_feature_colors,
    label_map,
    to_uint8,
    write_depth,
    write_depth_unit,
    write_label_map,
)
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter
from splatseg.splats import Splats, render_depth, render_rgb

Picture = Literal["rgb", "features", "segments", "depth"]


def render_run(run: Run, what: Picture, split: str, output: Path, reporter: Reporter) -> str:
    """Render `what` for every view of the split into `output`; return a summary.

    depth PNGs are 16-bit; output/depth.json says what their numbers are.

    Raises RunError when the run has no features or segments to render, PromptError when the split is empty.
    """
    if output.exists() and not output.is_dir():
        raise RunError(f"{output} is a file, not a folder; name another place with -o")
    views = run.views(split)
    write = _writer(run, run.splats(), what, views, output)
    with reporter.stage(what, len(views)) as advance:
        for done, view in enumerate(views, start=1):
            write(output / view.png_name, view.camera)
            advance(done)
    return f"wrote {len(views)} pictures to {output}"


def _writer(
    run: Run, splats: Splats, what: Picture, views: tuple[View, ...], output: Path
) -> Callable[[Path, Camera], None]:
    if what == "rgb":
        background = run.settings.train.background
        return lambda path, camera: write_png(path, to_uint8(render_rgb(splats, camera, background)))
    if what == "depth":
        unit = depth_unit(splats, [view.camera for view in views])
        write_depth_unit(output / "depth.json", unit)
        return lambda path, camera: write_depth(path, render_depth(splats, camera), unit)
    carried = splats.features if what == "features" else splats.segment_ids
    if carried is None:
        raise RunError(f"{run.path} has no {what} to render; run `splatseg segment {run.path} --masks DIR` first")
    if what == "features":
        colors = fit_feature_colors(splats)
        return lambda path, camera: write_png(path, colors.render(splats, camera))
    return lambda path, camera: write_label_map(path, label_map(splats, camera))
