"""Label maps that went through a picture: compressed as JPEG, or resized with smooth edges, their ids are mixed.

Between two ids appear others that nobody gave, in slivers along the edge: not one of their pixels has only its own kind
around it. Small things look alike, but not most ids of a map. Of a single object, a matte with a soft edge, the slivers
go to the nearer side, which gives the object back. Of several objects they cannot be told from small things, which
would go with them [a map of 24 ids as JPEG, 160x120: 7 ids have such a pixel]. Such a map is only told.

Alphabet: H x W pixels.
"""

from __future__ import annotations

import numpy as np

MOST, FEWEST = 0.8, 20
"""Share of the ids of a map that are slivers, and their least number, from which on the map is mixed [sound maps of the
family and of tabletop: up to 0.42; maps as JPEG and with soft edges: 0.97]."""


def without_slivers(labels: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return a label map (H,W) without slivers if it shows one object; how many of its ids are slivers; of how many.

    labels (H,W) integers >= 0, small enough for a table of all values, as a PNG has them.
    A map that is not mixed is returned as it is, with 0 slivers. One of several objects is, too, with their number.
    """
    present = np.bincount(labels.ravel()) > 0
    ids = int(present.sum())
    if ids < FEWEST:
        return labels, 0, ids  # without a look at the pixels: most maps have few ids
    from scipy import ndimage  # noqa: PLC0415 (a help text loads this module, and must not load scipy)

    # A pixel is inside if all around it is alike; beyond the border counts as alike.
    alike = ndimage.maximum_filter(labels, 3, mode="nearest") == ndimage.minimum_filter(labels, 3, mode="nearest")
    solid = np.bincount(labels[alike], minlength=len(present)) > 0
    slivers = ids - int(solid.sum())
    if slivers < max(FEWEST, MOST * ids) or not solid.any():
        return labels, 0, ids
    if int(solid.sum()) > 2:
        return labels, slivers, ids
    nearest = ndimage.distance_transform_edt(~solid[labels], return_distances=False, return_indices=True)
    return labels[tuple(nearest)], slivers, ids
