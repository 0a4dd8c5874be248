"""Pictures inside a page: WebP and PNG as data URIs, and crops that show which thing a segment is.

Alphabet: pictures (H,W,3) uint8; labels (H,W) int, 0 = none.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

import numpy as np
from PIL import Image

from splatseg.arrays import check_shapes
from splatseg.resampling import nearest_pixels

WIDEST = 1024
"""Pixels; wider pictures are reduced. A page is looked at and zoomed into, not measured in."""

QUALITY, METHOD = 80, 2
"""Of WebP [photographs and overlays of the demo, a picture: JPEG at 85 36 kB and 40.4 dB, WebP at 80 18 kB and 39.7 dB,
AVIF at 65 18 kB and 40.3 dB, which older Pillow lacks; METHOD 4 is 3 % smaller and takes twice the time]."""

MOST_IDS = 256
"""A PNG with a palette has no more colours."""


def data_uri(picture: np.ndarray, widest: int = WIDEST) -> str:
    """A picture as a WebP data URI, reduced to at most `widest` pixels across."""
    check_shapes(picture=(picture, "H W 3"))
    assert picture.dtype == np.uint8, picture.dtype
    image = Image.fromarray(picture)
    image = image.resize(_reduced(image.width, image.height, widest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=QUALITY, method=METHOD)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def label_map_uri(labels: np.ndarray, widest: int = WIDEST) -> str:
    """A label map as a PNG data URI of the size `data_uri` gives its picture: the colour of a pixel is its id.

    id = red + 256 green + 65536 blue. Reduced by nearest neighbour, so that every pixel has an id that is there.
    """
    check_shapes(labels=(labels, "H W"))
    height, width = labels.shape
    new_width, new_height = _reduced(width, height, widest)
    ids, place = np.unique(nearest_pixels(labels, new_height, new_width), return_inverse=True)
    colors = np.stack([ids & 255, (ids >> 8) & 255, (ids >> 16) & 255], axis=1).astype(np.uint8)
    place = place.reshape(new_height, new_width)
    if len(ids) <= MOST_IDS:
        image = Image.frombytes("P", (new_width, new_height), place.astype(np.uint8).tobytes())
        image.putpalette(colors.tobytes())
    else:
        image = Image.fromarray(colors[place])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _reduced(width: int, height: int, widest: int) -> tuple[int, int]:
    """(width, height), at most `widest` across, of the same shape."""
    return (width, height) if width <= widest else (widest, max(1, round(height * widest / width)))


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
    rows_in, columns_in = slice(max(top, 0), top + extent), slice(max(left, 0), left + extent)
    part, inside = image[rows_in, columns_in], mask[rows_in, columns_in]
    lit = np.where(inside[..., None], part, part // 3 + 10).astype(np.uint8)
    square = Image.new("RGB", (extent, extent))
    square.paste(Image.fromarray(lit), (max(-left, 0), max(-top, 0)))
    return np.asarray(square.resize((side, side), Image.Resampling.LANCZOS))


def _start(centre: float, extent: int, length: int) -> int:
    """First pixel of `extent` pixels around a centre, inside 0..length if they fit, else centred on it."""
    if extent >= length:
        return (length - extent) // 2
    return min(max(round(centre - extent / 2), 0), length - extent)
