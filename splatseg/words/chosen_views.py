"""Choice of the few views that show most of a scene, for models too slow to run on all of them.

Greedy: the view that adds most to what is seen, then the next. A Gaussian counts fully once it is seen with SEEN
pixels; seen from two sides it counts a little more, because words are found in a good view of a thing, not in every
view.

Alphabet: N Gaussians; V views.

Source: greedy maximum coverage (Nemhauser et al. 1978: within 1 - 1/e of the best choice).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from splatseg.capture.view import View
from splatseg.raster.interface import accumulate, prepare
from splatseg.splats.splats import Splats

SEEN = 20.0
"""Pixels above which the value of a Gaussian grows only slowly."""

GAUSSIANS_LOOKED_AT = 50_000
"""Gaussians in the sample that stands for all."""


@torch.no_grad()
def choose_views(splats: Splats, views: Sequence[View], count: int) -> list[View]:
    """Return `count` of the views, the one that shows most first; all of them if there are no more."""
    if len(views) <= count:
        return list(views)
    sample = torch.arange(0, len(splats), max(1, len(splats) // GAUSSIANS_LOOKED_AT))
    geometry = splats.geometry
    seen = np.zeros((len(views), len(sample)), dtype=np.float32)
    for row, view in enumerate(views):
        plan = prepare(*geometry, view.camera)
        ones = torch.ones(view.camera.height, view.camera.width, 1)
        seen[row] = accumulate(plan, ones)[sample, 0].numpy()
    chosen: list[int] = []
    total = np.zeros(len(sample), dtype=np.float32)
    while len(chosen) < count:
        gains = np.array([-np.inf if i in chosen else float(_worth(total + seen[i]).sum()) for i in range(len(views))])
        best = int(gains.argmax())
        chosen.append(best)
        total += seen[best]
    return [views[i] for i in chosen]


def _worth(pixels: np.ndarray) -> np.ndarray:
    worth: np.ndarray = np.log1p(pixels / SEEN)
    return worth
