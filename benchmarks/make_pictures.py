"""The README's picture from a run of the demo: python benchmarks/make_pictures.py RUN docs/pictures/demo.jpg"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from splatseg import label_map, open_run, render_rgb, select_by_click, selection_mask
from splatseg.output import fit_feature_colors, overlay_segments, overlay_selection, side_by_side, to_uint8

VIEW = "024.jpg"
CLICK_VIEW, CLICK = "003.jpg", (216.0, 127.0)


def main(folder: Path, picture: Path) -> None:
    """Photograph, splat, features, segments, and what one click in another view selects, in a row."""
    run = open_run(folder)
    splats, view = run.splats(), run.capture.view(VIEW)
    photograph = view.image()
    selection = select_by_click(splats, run.capture.view(CLICK_VIEW).camera, CLICK, voted=True)
    row = side_by_side(
        [
            photograph,
            to_uint8(render_rgb(splats, view.camera)),
            fit_feature_colors(splats).render(splats, view.camera),
            overlay_segments(photograph, label_map(splats, view.camera), run.segment_colors()),
            overlay_selection(photograph, selection_mask(splats, view.camera, selection.members)),
        ],
        gap=4,
    )
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(row)).save(picture, quality=88, optimize=True)
    print(f"wrote {picture}, {row.shape[1]}x{row.shape[0]}, {selection.count} Gaussians selected")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
