"""Label maps that went through a picture: compressed as JPEG, resized or drawn with smooth edges, their ids are mixed.

Along an edge between two ids then lie values between the two, which are other ids, or nobody's. In a sound map an id
steps to another at once; that a pixel lies between its neighbours by value is chance, where things are one pixel thin.

    mixed = ramps / (ramps + steps)      ramp: a pixel whose value is between those to either side, and neither of them
                                         step: two pixels that differ by more than 1, each like the one behind it

A mixed map is mended if that can be done rightly, and else refused. A matte, one object in black and white, is cut in
the middle. Other maps take, at every mixed pixel, the nearest id that is flat (3 x 3 pixels alike), if what is given up
lies between the flat values around it, as interpolation leaves it. Compression leaves other values, too.

Alphabet: H x W pixels; C channels, 1 for ids, 3 for colours.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

MIXED = 1 / 3
"""Share of ramps from which on a map is mixed [1,450 sound maps, of models, people and simulated: up to 0.11; 60 kinds
of JPEG, resizing and smooth drawing of them, where ids differ by more than 1: 0.63 and more in nine of ten maps]."""

FEWEST = 16
"""Least number of ramps that show anything."""

TINY = 8
"""Mean pixels of an id below which a map of ids, not colours, is none of things: a picture has mostly flat areas."""

EXPLAINED = 0.95
"""Least share of the pixels given up that lie between flat values near them [resized, smooth maps: 0.97 and more]."""

NEAR = 4
"""Pixels within which flat values explain a mixed pixel: half the width of an edge after enlarging 8 times."""

CONTRAST, FLAT, SAME = 128, 1 / 16, 1 / 8
"""Of a matte: least range of values; largest range in 3 x 3 flat pixels, and largest distance of these from black or
white, as shares of that range."""


BAND = 1 << 20
"""Pixels of which steps are counted at once."""


def mixed_share(values: np.ndarray) -> float:
    """Return the share 0..1 of steps in values (H,W,C) that are ramps; 0 if there are hardly any ramps.

    Also 0 for a map of ids of a few pixels each: numbered in order they look like one ramp, and no picture of things.
    """
    if values.shape[2] == 1 and len(np.unique(values)) * TINY > values[..., 0].size:
        return 0.0
    ramps = steps = 0
    for along in _bands(values):
        before, middle, after = along[:, :-2], along[:, 1:-1], along[:, 2:]
        between = (middle >= np.minimum(before, after)) & (middle <= np.maximum(before, after))
        change = (along[:, 1:] != along[:, :-1]).any(0)
        ramps += int((between.all(0) & change[:-1] & change[1:]).sum())
        # Ids that differ by 1 have no values between, so their steps say nothing.
        far = (np.abs(along[:, 2:-1] - along[:, 1:-2]) > 1).any(0)
        steps += int((far & ~change[:-2] & ~change[2:]).sum())
    return ramps / (ramps + steps) if ramps >= FEWEST else 0.0


def _bands(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield bands (C,P,B) int32 of values (H,W,C), first of its columns, then of its rows: P pixels one by one.

    A step is between pixels of one column or row, so the bands are independent, and need little memory.
    """
    for whole in (values, values.transpose(1, 0, 2)):
        size = max(1, BAND // len(whole))
        for start in range(0, whole.shape[1], size):
            yield np.moveaxis(whole[:, start : start + size], -1, 0).astype(np.int32, order="C")


def mended(labels: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """Return a mixed label map (H,W) with its mixed pixels at the nearest id; None if that cannot be done rightly.

    values (H,W,C) integers: the picture that the labels (H,W) are of.
    """
    from scipy import ndimage  # noqa: PLC0415 (a help text loads this module, and must not load scipy)

    matte = _matte(values)
    if matte is not None:
        return matte
    # Beyond the border counts as alike.
    flat = ndimage.maximum_filter(labels, 3, mode="nearest") == ndimage.minimum_filter(labels, 3, mode="nearest")
    if not flat.any():
        return None
    nearest = ndimage.distance_transform_edt(~flat, return_distances=False, return_indices=True)
    found: np.ndarray = labels[tuple(nearest)]
    given_up = found != labels
    explained = given_up.copy()
    side = 2 * NEAR + 1
    for channel in np.moveaxis(values.astype(np.int32), -1, 0):
        low = ndimage.minimum_filter(np.where(flat, channel, channel.max() + 1), side, mode="nearest")
        high = ndimage.maximum_filter(np.where(flat, channel, channel.min() - 1), side, mode="nearest")
        explained &= (low <= channel) & (channel <= high)
    return found if explained.sum() >= EXPLAINED * given_up.sum() else None


def _matte(values: np.ndarray) -> np.ndarray | None:
    """Return 1 where a matte in black and white is more white than black, 0 elsewhere (H,W); None for anything else."""
    from scipy import ndimage  # noqa: PLC0415 (as above)

    grey = values.max(-1).astype(np.int32)
    low, span = int(grey.min()), int(np.ptp(grey))
    if span < CONTRAST or (grey - values.min(-1)).max() > SAME * span:
        return None
    ranges = ndimage.maximum_filter(grey, 3, mode="nearest") - ndimage.minimum_filter(grey, 3, mode="nearest")
    flat = grey[ranges <= FLAT * span] - low
    black, white = flat <= SAME * span, flat >= (1 - SAME) * span
    if not (black.any() and white.any()):
        return None
    # Of a soft edge a few pixels are nearly flat; a third level of grey has as many as a thing has.
    inside = (grey - low > span / 2).astype(np.int32)
    return inside if int((~black & ~white).sum()) <= FLAT * int(inside.sum()) else None
