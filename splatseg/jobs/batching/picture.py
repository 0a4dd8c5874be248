"""The picture of a scene on the page of its batch: the middle photograph with what was found in it.

Alphabet: pictures (H,W,3) uint8; labels (H,W) int, 0 = none.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from splatseg.errors import SplatsegError
from splatseg.files import atomic_write
from splatseg.jobs.blocks.at_hand import splats_of_run
from splatseg.render.label_maps import label_map
from splatseg.render.overlays import overlay_segments
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.run.folder import SETTINGS, Run, open_run

WIDEST, QUALITY = 400, 75
"""Pixels across, which is one card of the page on a fine screen, and the quality of WebP: some 15 kB a scene."""


def write_picture(path: Path, output: Path) -> None:
    """Write the picture of a run as WebP, atomically; nothing for what has none. Raises OSError."""
    try:
        picture = _picture(open_run(output)) if (output / SETTINGS).exists() else None
    except SplatsegError:
        return
    if picture is None:
        return
    image = Image.fromarray(picture)
    image.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    image.save(encoded, format="WEBP", quality=QUALITY)
    with atomic_write(path) as file:
        file.write(encoded.getbuffer())


def _picture(run: Run) -> np.ndarray | None:
    """Return the segments over the middle photograph, the splat from there if there are none; None without a splat."""
    if not run.splats_path.exists():
        return None
    views = run.capture.views
    view, splats = views[len(views) // 2], splats_of_run(run)
    if splats.segment_ids is None or view.lost:
        return to_uint8(render_rgb(splats, view.camera, run.settings.train.background))
    return overlay_segments(view.image(), label_map(splats, view.camera), run.segment_colors())
