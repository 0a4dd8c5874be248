"""Pictures inside a page: small JPEGs as data URIs, and crops that show which thing a segment is.

Alphabet: pictures (H,W,3) uint8; labels (H,W) int, 0 = none.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

import numpy as np
from PIL import Image

from splatseg.arrays import check_shapes

WIDEST = 800
"""Pixels; wider pictures are reduced. A page is looked at, not measured in."""

JPEG_QUALITY = 85


def data_uri(picture: np.ndarray, widest: int = WIDEST) -> str:
    """A picture as a JPEG data URI, reduced to at most `widest` pixels across."""
    check_shapes(picture=(picture, "H W 3"))
    assert picture.dtype == np.uint8, picture.dtype
    image = Image.fromarray(picture)
    if image.width > widest:
        size = (widest, max(1, round(image.height * widest / image.width)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=JPEG_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def segment_crops(views: Iterable[tuple[np.ndarray, np.ndarray]], side: int = 96) -> dict[int, np.ndarray]:
    """A square crop (side,side,3) of each segment, from the view where it covers most pixels.

    views: pairs of a photograph (H,W,3) uint8 and its label map (H,W), gone through once. What is not of the segment
    is dimmed, so that one sees which thing is meant.
    """
    covered: dict[int, int] = {}
    crops: dict[int, np.ndarray] = {}
    for image, labels in views:
        check_shapes(image=(image, "H W 3"), labels=(labels, "H W"))
        ids, counts = np.unique(labels, return_counts=True)
        for segment_id, count in zip(ids.tolist(), counts.tolist(), strict=True):
            if segment_id != 0 and count > covered.get(segment_id, 0):
                covered[segment_id] = count
                crops[segment_id] = _crop(image, labels == segment_id, side)
    return crops


def _crop(image: np.ndarray, mask: np.ndarray, side: int) -> np.ndarray:
    """The square around a mask, with a margin, moved into the image; black where it is larger than the image."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    centre_y, centre_x = (rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2
    extent = max(8, round(1.16 * max(rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0])))
    left, top = _start(centre_x, extent, mask.shape[1]), _start(centre_y, extent, mask.shape[0])
    lit = np.where(mask[..., None], image, image // 3 + 10).astype(np.uint8)
    square = Image.fromarray(lit).crop((left, top, left + extent, top + extent))
    return np.asarray(square.resize((side, side), Image.Resampling.LANCZOS))


def _start(centre: float, extent: int, length: int) -> int:
    """First pixel of `extent` pixels around a centre, inside 0..length if they fit, else centred on it."""
    if extent >= length:
        return (length - extent) // 2
    return min(max(round(centre - extent / 2), 0), length - extent)
