"""Masks compared with photographs: boundaries of masks lie on edges of the photograph that they were made from.

    fit of masks i and photograph j = mean over the boundary pixels of masks i of the rank of the gradient of j there

The rank of a gradient among those of its photograph, 0..1, makes photographs comparable. Masks fit their view if no
other of the compared photographs fits them better. Masks of another scene, another order or another crop fit as often
as chance has it. On ten sets of masks of eight scenes, masks of any kind fit in all 12 of 12 views, a single object a
view in 4 to 12, masks of another view in 0 to 3, rarely 5; boxes, whose edges are on nothing, in 1 to 5.

Alphabet: H x W pixels at `SIDE`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation, sobel

from splatseg.capture.view import View
from splatseg.checks.recognised import small_camera
from splatseg.checks.trouble import Trouble
from splatseg.errors import MaskError
from splatseg.masks.inspected import Inspected
from splatseg.masks.segments import Segments
from splatseg.masks.source import MaskSource
from splatseg.resampling import nearest_pixels
from splatseg.spread import spread

SIDE = 256
"""Longer side of the compared pictures in pixels."""

MOST = 12
"""Views that are compared, evenly spread."""

FEWEST = 8
"""Views with masks below which nothing is refused."""

NONE, DOUBTFUL = 0.25, 0.5
"""Shares of the views that masks fit: up to the first they are refused, up to the second it is told."""


def mask_troubles(
    masks: MaskSource, views: Sequence[View], advance: Callable[[int], None] | None = None
) -> list[Trouble]:
    """Read every mask of the views once; return what is wrong with them as masks of these photographs.

    advance: told the number of views that are done.

    Raises MaskError for masks that cannot be read or are of another shape than their photograph, with their number, and
    CaptureError for an unreadable photograph.
    """
    inspected = Inspected(masks)
    chosen = {view.name for view in spread(views, MOST)}
    ranks, boundaries, failed = [], [], list[MaskError]()
    for done, view in enumerate(views):
        try:
            segments = inspected.read(view)
        except MaskError as error:
            failed.append(error)
            segments = None
        if view.name in chosen:
            ranks.append(gradient_ranks(view))
            boundaries.append(None if segments is None else boundary_of(segments, *ranks[-1].shape))
        if advance is not None:
            advance(done + 1)
    if failed:
        more = f"; the same goes for the masks of {len(failed) - 1} more views" if len(failed) > 1 else ""
        raise MaskError(f"{failed[0]}{more}")
    told = [Trouble(text) for text in inspected.troubles()]
    found, compared = fitting_views(boundaries, ranks)
    if compared < 3 or found > DOUBTFUL * compared:
        return told
    figure = f"the masks of {found} of {compared} views fit their own photograph better than those of other views"
    if compared < FEWEST or found > NONE * compared:
        return [*told, Trouble(f"only {figure}; check that they were made from these photographs")]
    text = (
        f"{figure}, no more than by chance, so they are of other photographs, in another order, or boxes; "
        "give masks that were made from these photographs, named as they are"
    )
    return [*told, Trouble(text, MaskError)]


def fitting_views(boundaries: Sequence[np.ndarray | None], ranks: Sequence[np.ndarray]) -> tuple[int, int]:
    """Return how many views' masks fit their own photograph best, and how many have any boundary."""
    found = compared = 0
    for own, boundary in enumerate(boundaries):
        if boundary is not None and boundary.any():
            fits = [float(rank[nearest_pixels(boundary, *rank.shape)].mean()) for rank in ranks]
            found += fits[own] == max(fits)
            compared += 1
    return found, compared


def gradient_ranks(view: View) -> np.ndarray:
    """Return the ranks (H,W), 0..1, of the colour gradients of a photograph."""
    camera = small_camera(view.camera, SIDE)
    small = Image.fromarray(view.image()).resize((camera.width, camera.height), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float32)
    gradient = sum(sobel(pixels[..., c], axis) ** 2 for c in range(3) for axis in (0, 1))
    ranks: np.ndarray = np.argsort(np.argsort(gradient, axis=None, kind="stable"), kind="stable") / gradient.size
    return ranks.reshape(gradient.shape)


def boundary_of(segments: Segments, height: int, width: int) -> np.ndarray:
    """Return the pixels (height,width) bool at the boundary of any mask."""
    boundary = np.zeros((height, width), dtype=bool)
    for layer in segments.layers:
        small = nearest_pixels(layer, height, width)
        across, down = small[:, 1:] != small[:, :-1], small[1:] != small[:-1]
        boundary[:, 1:] |= across
        boundary[:, :-1] |= across
        boundary[1:] |= down
        boundary[:-1] |= down
    if segments.ignored is not None:
        # Masks end where pixels are ignored, also beside a lens: that says nothing of the photograph.
        boundary &= ~binary_dilation(nearest_pixels(segments.ignored, height, width), np.ones((3, 3), bool))
    return boundary
