"""A run in a notebook: a picture of its splat and a few figures, as HTML."""

from __future__ import annotations

import numpy as np
import torch

from splatseg.cards import card
from splatseg.errors import CaptureError
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.run.folder import Run
from splatseg.segments.segments_json import read_segments
from splatseg.splats.preview import preview
from splatseg.splats.splats import Splats


def card_of_run(run: Run) -> str:
    """Return the card of a run, finished or not, as HTML. Raises as `Run.splats` does for files that are damaged."""
    figures = {"folder": str(run.path), "capture": run.settings.capture.path, "method": run.settings.method}
    picture = None
    if run.splats_path.exists():
        splats = run.splats()
        figures["Gaussians"] = f"{len(splats):,}"
        picture = _picture(run, splats)
    if run.segments_path.exists():
        figures["segments"] = str(len(read_segments(run.segments_path)))
    return card(run.path.name, figures, picture)


def _picture(run: Run, splats: Splats) -> np.ndarray:
    """(H,W,3) uint8: the middle view of the capture, or the splat from outside if the capture is gone."""
    try:
        views = run.capture.views
    except CaptureError:
        return preview(*splats.geometry, splats.sh0)
    with torch.no_grad():
        return to_uint8(render_rgb(splats, views[len(views) // 2].camera, run.settings.train.background))
