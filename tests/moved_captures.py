"""The embedded demo in other coordinates: of a survey, or of a microscope."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from capture_files import Model, binary_files, write_files
from scipy.spatial.transform import Rotation

from splatseg.capture.capture import load_capture
from splatseg.demo.demo import demo_capture

SURVEY = ((4e5, 5e6, 100.0), 1.0)
"""Metres of UTM."""

MICROSCOPE = ((0.0, 0.0, 0.0), 1e-5)
"""Metres under a microscope."""


def demo_in(folder: Path, centre: tuple[float, ...], scale: float) -> Path:
    """A COLMAP capture of the demo, x' = scale x + centre; its photographs, masks and truth are the demo's own."""
    capture = load_capture(demo_capture())
    camera = capture.views[0].camera
    K = camera.K
    intrinsics = (1, "PINHOLE", 1, camera.width, camera.height, (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
    images = []
    for view in capture.views:
        R, t = view.camera.viewmat[:3, :3], view.camera.viewmat[:3, 3]
        x, y, z, w = Rotation.from_matrix(R).as_quat()
        images.append((view.name, 1, (w, x, y, z), tuple(scale * t - R @ np.array(centre)), 0))
    points = [
        (tuple(scale * point + np.array(centre)), tuple(color), 0)
        for point, color in zip(capture.points.astype(np.float64), capture.point_colors.tolist(), strict=True)
    ]
    (folder / "sparse").mkdir(parents=True)
    write_files(folder / "sparse" / "0", binary_files(Model([intrinsics], images, points)))
    for name in ("images", "masks", "gt"):
        (folder / name).symlink_to(demo_capture() / name)
    return folder
