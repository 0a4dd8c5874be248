"""A splat as one camera's picture needs it: Gaussians that are small on screen merged, those out of sight left out.

    reduced = Reduced(splats)
    picture = render_rgb(reduced(camera), camera)

Merged Gaussians have the mean harmonics and features of their parts, by their light, and the segment of most of it. A
splat has no opacities above 1, so edges are up to half a pixel farther in than with `levels`.

Alphabet: N Gaussians; M of the reduced splat; R rows of the levels, the first n are Gaussians along the curve.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.levels.build import build_levels
from splatseg.levels.levels import rows_of
from splatseg.splats.activations import to_log_scales, to_opacity_logits
from splatseg.splats.splats import Splats


class Reduced:
    """A splat that is asked for by camera; threads may share it."""

    def __init__(self, splats: Splats) -> None:
        """Build the levels of a splat."""
        self._splats = splats
        self._levels = build_levels(*splats.geometry)
        self._sh0, self._shN = self._levels.merged(splats.sh0), self._levels.merged(splats.shN)
        self._features = None if splats.features is None else self._levels.merged(splats.features)
        self._ids = None
        if splats.segment_ids is not None:
            self._ids = torch.from_numpy(self._levels.carried_labels(splats.segment_ids.numpy()))

    def __call__(self, camera: Camera) -> Splats:
        """Return the Gaussians (M) that show this camera's picture at its size; all of them if there are as many."""
        cut = self._levels.cut(camera)
        splats = self._splats
        if cut.count >= len(splats):
            return splats
        means, quats, scales, opacities = (cut.pick(part) for part in self._levels.geometry)
        rows = rows_of(cut.ranges[:, 0], cut.ranges[:, 1])
        return Splats(
            means=means,
            quats=quats,
            log_scales=to_log_scales(scales),
            opacity_logits=to_opacity_logits(opacities),
            sh0=self._picked(rows, splats.sh0, self._sh0),
            shN=self._picked(rows, splats.shN, self._shN),
            features=None if self._features is None else self._picked(rows, splats.features, self._features),
            segment_ids=None if self._ids is None else self._ids[torch.from_numpy(rows)],
            coordinates=splats.coordinates,
        )

    def _picked(self, rows: np.ndarray, values: Tensor | None, merged: Tensor) -> Tensor:
        """Return the values (M,...) of rows (M,), ascending, from those of the Gaussians (N,...) and merged ones."""
        assert values is not None
        n = len(self._levels.order)
        plain = int(np.searchsorted(rows, n))
        own = values[torch.from_numpy(self._levels.order[rows[:plain]])]
        return torch.cat([own, merged[torch.from_numpy(rows[plain:] - n)]])
