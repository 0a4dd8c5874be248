"""Troubles of a capture by itself: photographs without a pose, several models, coordinates that float32 cannot hold.

Gaussians, points and poses are float32 in the rasteriser. A number x is held to 2^-24 |x|; if that is more than a pixel
covers at the scene's distance, the picture cannot be right.

Alphabet: V views; points (P,3), world units.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splatseg.capture.capture import Capture
from splatseg.capture.colmap import count_images, models_in
from splatseg.capture.images import IMAGE_SUFFIXES
from splatseg.capture.view import View, one_a_photograph
from splatseg.checks.registration import some_of
from splatseg.checks.trouble import Trouble
from splatseg.errors import CaptureError
from splatseg.plain_text import first_few
from splatseg.spread import spread

ROUNDING = 2.0**-24
"""Half the distance between neighbours in float32, relative."""

TOLD = 0.1
"""Rounding in pixels from which on it is told; from one pixel on the capture is refused."""

LOOKED_FOR = 2000
"""Sparse points that are looked for in the photographs."""

HIDDEN = 0.5
"""Share of the sparse points that no view shows, from which on it is told."""


def capture_troubles(capture: Capture) -> list[Trouble]:
    """Return what is wrong with a capture's cameras, points and photographs. Opens no photograph."""
    checks = (absent_images, _without_pose, _other_models, _far_away, _unseen_points)
    return [trouble for check in checks for trouble in check(capture)]


def absent_images(capture: Capture) -> list[Trouble]:
    """Return how many images of a capture are absent and left out."""
    if not capture.absent:
        return []
    total = len(capture.absent) + len(one_a_photograph(capture.views))
    return [
        Trouble(
            f"{len(capture.absent)} of {total} images named in {capture.source} are absent and left out "
            f"({first_few(list(capture.absent))})"
        )
    ]


def _without_pose(capture: Capture) -> list[Trouble]:
    if not capture.posed:
        return []
    folders = {view.image_path.parent for view in capture.views if view.image_path is not None}
    known = {view.image_path for view in capture.views if view.image_path is not None}
    # Photographs that have a pose and were left out lie where their names say, below the folder of the others.
    roots = {root for view in capture.views if view.image_path is not None and (root := _root(view.image_path, view))}
    known |= {root / name for root in roots for name in capture.posed}
    left = sorted(
        file.name
        for folder in folders
        for file in folder.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and file not in known and not file.stem.endswith(".mask")
    )
    if not left:
        return []
    return [
        Trouble(
            f"{len(left)} of {len(left) + len(capture.posed)} photographs have no pose in {capture.source} "
            f"({first_few(left)}) and are left out; register them too, if what they show matters"
        )
    ]


def _root(path: Path, view: View) -> Path | None:
    """Return the folder of images that a view's name starts from, if its file has that name."""
    above = Path(*path.parts[: len(path.parts) - len(Path(view.photograph).parts)])
    return above if above / view.photograph == path else None


def _other_models(capture: Capture) -> list[Trouble]:
    source = capture.source
    if source is None or source.parent.name != "sparse":
        return []
    counts = {folder: count_images(folder) for folder in models_in(source.parent) if folder.name != source.name}
    if not any(counts.values()):
        return []
    largest = max(counts, key=lambda folder: counts[folder])
    others = first_few([f"{folder.name} with {count}" for folder, count in counts.items() if count])
    way = (
        f"the larger model is used if {largest} is given in place of the capture"
        if counts[largest] > len(capture.posed)
        else "`splatseg capture` may join them"
    )
    return [
        Trouble(
            f"{source} is taken, with {len(capture.posed)} photographs; beside it are other models of the same "
            f"photographs, each in a world of its own ({others}): {way}"
        )
    ]


def _far_away(capture: Capture) -> list[Trouble]:
    positions = np.array([view.camera.position for view in capture.views])
    focal = float(np.median([view.camera.K[0, 0] for view in capture.views]))
    around = capture.points if len(capture.points) else positions
    middle = np.median(around, axis=0)
    distance = float(np.median(np.linalg.norm(positions - middle, axis=1)))
    # A pixel covers distance / focal; a coordinate is rounded by up to ROUNDING times its size.
    pixels = ROUNDING * float(np.abs(np.concatenate([positions, middle[None]])).max()) * focal / max(distance, 1e-30)
    if pixels < TOLD:
        return []
    largest = np.abs(positions).max()
    text = (
        f"the cameras of {capture.path} lie {largest:.3g} from the origin and {distance:.3g} from what they show, so "
        f"rounding moves it by {pixels:.2g} pixels; subtract an offset from all positions and points"
    )
    return [Trouble(text, CaptureError if pixels >= 1 else None)]


def _unseen_points(capture: Capture) -> list[Trouble]:
    if not len(capture.points):
        return []
    points = some_of(capture.points, LOOKED_FOR)
    seen = np.zeros(len(points), dtype=bool)
    for view in spread(capture.views, 64):
        pixels, depths = view.camera.project(points)
        size = (view.camera.width, view.camera.height)
        seen |= (depths > 0) & ((pixels >= 0) & (pixels < size)).all(axis=1)
    hidden = 1.0 - float(seen.mean())
    if hidden <= HIDDEN:
        return []
    text = (
        f"{hidden:.0%} of the sparse points of {capture.path} are in no photograph, so points and cameras are not of "
        "one world; export both together"
    )
    return [Trouble(text, CaptureError if hidden == 1.0 else None)]
