"""Pictures for a page: WebP and PNG as data URIs, and crops that show a segment.

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
"""Most pixels across; wider pictures are reduced. The page is for looking and zooming, not for measuring."""

QUALITY, METHOD = 80, 2
"""Settings of WebP [mean of photographs and overlays of the demo: JPEG at 85 takes 36 kB at 40.4 dB, WebP at 80 18 kB
at 39.7 dB, AVIF at 65 18 kB at 40.3 dB, but older Pillow lacks it; METHOD 4 saves 3 % and takes twice the time]."""

MOST_IDS = 256
"""Most colours of a PNG with a palette."""


LIGHT, MOST_GAIN = 110.0, 3.0
"""Mean value, of 255, that a dark segment is lit to in its crop, and the most that it is multiplied by for that."""


def data_uri(picture: np.ndarray, widest: int = WIDEST) -> str:
    """Encode a picture (H,W,3) uint8 as a WebP data URI, reduced to at most `widest` pixels across."""
    check_shapes(picture=(picture, "H W 3"))
    assert picture.dtype == np.uint8, picture.dtype
    image = Image.fromarray(picture)
    image = image.resize(_reduced(image.width, image.height, widest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=QUALITY, method=METHOD)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def label_map_uri(labels: np.ndarray, widest: int = WIDEST) -> str:
    """Encode a label map (H,W) as a PNG data URI of the same size as `data_uri`; the colour of a pixel is its id.

    id = red + 256 green + 65536 blue. Reduced by nearest neighbour, so that no new ids appear.
    """
    check_shapes(labels=(labels, "H W"))
    height, width = labels.shape
    new_width, new_height = _reduced(width, height, widest)
    ids, place = np.unique(nearest_pixels(labels, new_height, new_width), return_inverse=True)
    colors = np.stack([ids & 255, (ids >> 8) & 255, (ids >> 16) & 255], axis=1).astype(np.uint8)
    place = place.reshape(new_height, new_width)
    # With few ids a palette stores one byte a pixel, and the browser shows the same colours as with three.
    if len(ids) <= MOST_IDS:
        image = Image.frombytes("P", (new_width, new_height), place.astype(np.uint8).tobytes())
        image.putpalette(colors.tobytes())
    else:
        image = Image.fromarray(colors[place])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _reduced(width: int, height: int, widest: int) -> tuple[int, int]:
    """Return (width, height) reduced to at most `widest` across, with the same aspect."""
    return (width, height) if width <= widest else (widest, max(1, round(height * widest / width)))


def segment_crops(views: Iterable[tuple[np.ndarray, np.ndarray]], side: int = 96) -> dict[int, np.ndarray]:
    """Return a square crop (side,side,3) of each segment, by id, from the view in which it covers most pixels.

    views: pairs of a photograph (H,W,3) uint8 and its label map (H,W), read once.
    Pixels outside the segment are dimmed, so that it stands out, and a dark one is lit.
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
    """Crop the square around a mask, with a margin, moved into the image; black where it is larger than the image."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    centre_y, centre_x = (rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2
    extent = max(8, round(1.16 * max(rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0])))
    left, top = _start(centre_x, extent, mask.shape[1]), _start(centre_y, extent, mask.shape[0])
    rows_in, columns_in = slice(max(top, 0), top + extent), slice(max(left, 0), left + extent)
    part, inside = image[rows_in, columns_in], mask[rows_in, columns_in]
    gain = float(np.clip(LIGHT / max(float(part[inside].mean()), 1.0), 1.0, MOST_GAIN))
    object_part = np.minimum(part * gain, 255.0)
    lit = np.where(inside[..., None], object_part, part // 3 + 10).astype(np.uint8)
    square = Image.new("RGB", (extent, extent))
    square.paste(Image.fromarray(lit), (max(-left, 0), max(-top, 0)))
    return np.asarray(square.resize((side, side), Image.Resampling.LANCZOS))


def _start(centre: float, extent: int, length: int) -> int:
    """Return the first of `extent` pixels around a centre, moved into 0..length; centred on the image if too long."""
    if extent >= length:
        return (length - extent) // 2
    return min(max(round(centre - extent / 2), 0), length - extent)
