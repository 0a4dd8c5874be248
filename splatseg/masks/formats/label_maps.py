"""Label maps in pictures (H,W), ids as they are stored.

8 or 16 bits of grey, or palette indices (colours, if black or transparent is not the first of the palette); in colour,
each colour is a segment and black (or mostly transparent) is none. Of a cut-out, a photograph or black with
transparency around it, what is opaque is the one segment. Ids that are mixed along edges are mended or refused
(`masks.formats.mixed`).
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from splatseg.errors import MaskError, SplatsegError
from splatseg.masks.formats.mixed import MIXED, mended, mixed_share
from splatseg.masks.segments import Segments, from_label_map
from splatseg.untrusted.images import open_image
from splatseg.untrusted.memory import Guard

MAX_COLORS = 4096
"""Most distinct colours of a label map in colour; an image with more is a photograph."""

PIXEL = 20
"""Bytes that a pixel of a label map takes at the peak of reading: its picture, its ids, and those made consecutive."""

MIXED_PIXEL = 100
"""Bytes that a pixel takes where mixed ids are told apart."""

BANDS = 1 << 20
"""Pixels whose colours are numbered at once."""


def read_label_map(path: Path) -> np.ndarray:
    """Read a PNG as label map (H,W) int32, with the ids as stored. Raises MaskError if it cannot be read."""
    try:
        return _labels_and_values(path)[0]
    except SplatsegError:
        raise
    except Exception as error:  # as above
        raise MaskError(f"the label map {path} cannot be read ({error}); it is damaged or not an image") from error


def read_picture(path: Path) -> Segments:
    """Return the segments of a picture of a view, mended if its ids are mixed.

    Raises MaskError if they stay mixed or it is a photograph, and nearly any error for a damaged file.
    """
    return from_label_map(unmixed(path, *_labels_and_values(path)))


def _labels_and_values(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the label map (H,W) int32 of a picture of any mode and what a program that resizes it works with (H,W,C).

    The ids of a picture in colour are numbered in the order of the colours.
    """
    with open_image(path, Guard.of(path, MaskError), PIXEL) as image:
        if getattr(image, "is_animated", False):
            raise ValueError("several pictures in one file; write one for each mask")
        if image.mode == "F":
            raise ValueError("floating-point pixels; ids are integers")
        if image.mode in ("LA", "PA"):
            image.load()
            labels, alpha = (np.asarray(image.getchannel(band)) for band in (0, 1))
            opaque = _opaque(alpha)
            if not labels[opaque].any() and not opaque.all():  # all is black
                labels = opaque
            labels = np.where(opaque, labels, 0).astype(np.int32)
            return labels, labels[..., None]
        if image.mode in ("1", "L") or image.mode.startswith("I"):
            labels = np.asarray(image).astype(np.int32)
            return labels, labels[..., None]
        rgba = np.array(image.convert("RGBA"))
        if image.mode == "P" and _first_is_none(image, rgba):
            return np.asarray(image).astype(np.int32), rgba[..., :3]
    return of_colors(path, rgba)


def of_colors(path: Path, rgba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the label map (H,W) int32 and the values (H,W,C) of a picture (H,W,4) uint8, cleared where transparent.

    path: its file, for messages. Raises MaskError for a photograph.
    """
    opaque = _opaque(rgba[..., 3])
    rgba[~opaque] = 0
    values = _colors_in(rgba)
    if not opaque.all():
        if len(values) == 1 or len(values) > MAX_COLORS:  # all is black, or a photograph
            return opaque.astype(np.int32), opaque[..., None]
        labels = _numbered_colors(rgba, values)
        if _is_picture(path, labels, rgba[..., :3]):
            return opaque.astype(np.int32), opaque[..., None]
        return labels, rgba[..., :3]
    if len(values) > MAX_COLORS:
        raise MaskError(
            f"{path} has {len(values)} different colours, so it is a picture, or a mask that was compressed (JPEG) or "
            "smoothed, and not a mask; give the folder of masks, written as PNG without either"
        )
    return _numbered_colors(rgba, values), rgba[..., :3]


def _bands(height: int, width: int) -> list[slice]:
    """Return the rows of bands of some `BANDS` pixels, so that a colour takes no more than a byte for each channel."""
    step = max(1, BANDS // width)
    return [slice(start, start + step) for start in range(0, height, step)]


def _colors_in(rgba: np.ndarray) -> np.ndarray:
    """Return the colours (V,) int32 of a picture (H,W,4) uint8, ascending; the first is 0, black, present or not."""
    found = [np.unique(_colors(rgba[band])) for band in _bands(rgba.shape[0], rgba.shape[1])]
    values: np.ndarray = np.unique(np.concatenate([np.zeros(1, np.int32), *found]))
    return values


def _numbered_colors(rgba: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the label map (H,W) int32 of a picture (H,W,4) uint8: the places of its colours in values (V,)."""
    labels = np.empty(rgba.shape[:2], np.int32)
    for band in _bands(rgba.shape[0], rgba.shape[1]):
        labels[band] = np.searchsorted(values, _colors(rgba[band]))
    return labels


def _colors(rgba: np.ndarray) -> np.ndarray:
    """Return each colour of (H,W,4) uint8 as one number (H,W) int32."""
    red, green, blue = (rgba[..., channel].astype(np.int32) for channel in range(3))
    colors: np.ndarray = red << 16 | green << 8 | blue
    return colors


def _is_picture(path: Path, labels: np.ndarray, values: np.ndarray) -> bool:
    """Tell whether colours are mixed and belong to no label map."""
    if mixed_share(values) < MIXED:
        return False
    _check_mixed(path, labels)
    return mended(labels, values) is None


def _opaque(alpha: np.ndarray) -> np.ndarray:
    """Return the pixels (H,W) bool that are at least half as opaque as the most opaque one; soft edges are halved."""
    opaque: np.ndarray = alpha >= max(1, (int(alpha.max(initial=0)) + 1) // 2)
    return opaque


def _first_is_none(image: Image.Image, rgba: np.ndarray) -> bool:
    """Tell whether the first colour of a palette means no segment: it is black, or nothing else is black or clear."""
    first = (image.getpalette("RGB") or [0, 0, 0])[:3]
    indices = np.asarray(image)
    clear = (rgba[..., :3] == 0).all(-1) | (rgba[..., 3] == 0)
    return not any(first) or not (clear & (indices != 0)).any()


_MIXED: set[Path] = set()
"""Folders of which the user knows that ids are mixed: one sentence does for all their files."""


def unmixed(path: Path, labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a label map (H,W), mended and with a warning if its ids are mixed, as `values` (H,W,C) show.

    path: its file, for messages. Raises MaskError if they stay mixed.
    """
    share = mixed_share(values)
    if share < MIXED:
        return labels
    _check_mixed(path, labels)
    found = mended(labels, values)
    why = (
        f"the ids of the mask {path} are mixed ({share:.0%} of the steps from one to another pass through values "
        "between), as in a picture that was compressed (JPEG), resized or drawn with smooth edges"
    )
    if found is None:
        raise MaskError(f"{why}, and cannot be told apart; write the masks anew as PNG, without any of these")
    if path.parent not in _MIXED:
        _MIXED.add(path.parent)
        warnings.warn(
            f"{why}; each mixed pixel is taken for the nearest id, here and in other files of the folder; write "
            "masks as PNG, without any of these",
            stacklevel=2,
        )
    return found


def _check_mixed(path: Path, labels: np.ndarray) -> None:
    """Raise MaskError if there is no memory for telling mixed ids (H,W) apart."""
    height, width = labels.shape
    Guard.of(path, MaskError).check(f"{width}x{height} pixels of mixed ids", MIXED_PIXEL * labels.size)
