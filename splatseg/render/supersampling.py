"""Samples inside a pixel: their positions, cameras that see them, and the vote of label samples that disagree.

Anti-aliasing takes the same decision (which segment is seen here?) at s x s places of a pixel and counts. Each place is
rendered through a camera whose pixel grid is moved by less than a pixel, not through a larger image: the low-pass of
the rasteriser (0.3 px^2 of the picture's own pixels), and with it the splat's shape on screen, stays the same; every
sample sees the same continuous picture; and memory is that of one picture.

Sample (i, j) lies at x = (i + (j + 1/2) / s) / s, y = (j + (i + 1/2) / s) / s of the pixel: a grid sheared both ways
(as in rotated-grid anti-aliasing), so that all s^2 rows and all s^2 columns differ. A vertical or horizontal edge thus
has s^2 + 1 steps instead of the s + 1 of a plain grid. The pattern is symmetric about the centre: nothing is shifted.

Alphabet: s x s samples, H x W pixels, S = s^2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from splatseg.cameras.camera import Camera

SUPERSAMPLE = 4
"""Samples along each side of a pixel: 16 samples, 17 steps, about what an eye can tell at an edge."""


def sample_offsets(supersample: int) -> np.ndarray:
    """Return the positions of the samples relative to the pixel's centre: (S,2) as (x, y), in pixels.

    A single sample is the centre. Raises ValueError for less than one sample.
    """
    if supersample < 1:
        raise ValueError(f"supersample must be 1 or more, got {supersample}")
    i, j = np.divmod(np.arange(supersample**2), supersample)
    x = (i + (j + 0.5) / supersample) / supersample
    y = (j + (i + 0.5) / supersample) / supersample
    return np.stack([x, y], axis=1) - 0.5


def sample_cameras(camera: Camera, supersample: int) -> list[Camera]:
    """Return one camera for each sample, of the size of `camera`: its pixels see what `camera` sees at that sample."""
    return [camera.moved(float(x), float(y)) for x, y in sample_offsets(supersample)]


def twice_as_dense(camera: Camera, draw: Callable[[Camera], np.ndarray]) -> np.ndarray:
    """Return the picture (2H,2W) of samples in the middles of the quarters of a camera's pixels, drawn one by one."""
    quarters = [[draw(camera.moved(x, y)) for x in (-0.25, 0.25)] for y in (-0.25, 0.25)]
    dense = np.empty((2 * camera.height, 2 * camera.width), quarters[0][0].dtype)
    for row, column in np.ndindex(2, 2):
        dense[row::2, column::2] = quarters[row][column]
    return dense


def most_frequent(samples: np.ndarray) -> np.ndarray:
    """Return each pixel's most frequent id: (H,W) for samples (S,H,W); the smallest wins a tie, so none comes first."""
    chosen: np.ndarray = samples[0].copy()
    edges = np.nonzero((samples != samples[0]).any(0))
    # Only pixels whose samples differ are counted. Sorted, the first of equally frequent ids is the smallest.
    ids = np.sort(samples[:, edges[0], edges[1]], axis=0)
    counts = (ids[:, None] == ids[None]).sum(0)
    chosen[edges] = np.take_along_axis(ids, counts.argmax(0)[None], axis=0)[0]
    return chosen
