"""A layer of Gaussians that is a surface, and its copying into a hole.

    new = copy of a Gaussian of the layer, moved along the plane by -t
    coefficients, height += membrane over the hole of (smooth(x) - value(x + t)), known on the outline of the piece

value is the chart of the layer, smooth the membrane of it over the hole: Poisson image editing with Gaussians in place
of pixels. So texture, sizes, opacities and harmonics are those of the surface, and there is no seam. Of the larger
pattern of a piece, a share is kept that is the correlation of its rim with the hole's, as in linear prediction.

Alphabet: N Gaussians; G x G cells; x a cell, t the shift of a patch; K harmonics beyond the constant.
Source: Perez, Gangnet, Blake, "Poisson image editing", 2003, equations 5 to 8.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy import ndimage

from splatseg.fill.chart import Chart
from splatseg.fill.membrane import membrane
from splatseg.fill.patches import Patch, choose_patches, rim_of
from splatseg.splats.joined import joined
from splatseg.splats.splats import Splats

MADE_UP = "made_up"
"""Extra property of Gaussians: 1 if nothing was measured there, 0 else."""

COVERED = 0.5
"""Share of the usual alpha of a surface from which on a cell is covered: a surface seen from above, where no photograph
was taken from, need not be opaque."""

SEEN = 0.1
"""Alpha of a cell from which on it has a say in what is usual."""

ODD = 4.0
"""Colours further from the rim's median than this many median deviations belong to something else that lies there."""

INSIDE = 0.3
"""Share of its light in the piece from which on a Gaussian is copied; less than half, as others reach in, too."""

LARGER = 3.0
"""Standard deviation in cells of the filter that separates a pattern, which may be wrong, from texture."""

ROUNDS = 3
"""Layers of copies at most."""

CLOSED = 0.8
"""Share of the alpha around the hole at which a cell is closed; cells below are copied into once more."""

OPEN = 0.02
"""Share of the hole that may stay open."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A layer of Gaussians and its picture from above."""

    chart: Chart
    """The square of the plane."""

    splats: Splats
    """The N Gaussians of the layer."""

    values: np.ndarray
    """Mean in each cell (G,G,C) of the constant coefficients, the other harmonics and the height over the plane."""

    alphas: np.ndarray
    """(G,G)."""

    @classmethod
    def of(cls, chart: Chart, splats: Splats) -> Surface:
        """Look at a layer from above."""
        colors = torch.cat([splats.sh0, splats.shN.flatten(1)], 1).detach().double().numpy()
        heights = chart.plane.heights(splats.positions.astype(np.float64))
        return cls(chart, splats, *chart.draw(splats, np.concatenate([colors, heights[:, None]], 1)))

    @cached_property
    def usual(self) -> float:
        """The median alpha of the cells that show it at all; 1 if none does."""
        seen = self.alphas[self.alphas >= SEEN]
        return float(np.median(seen)) if len(seen) else 1.0

    @property
    def covered(self) -> np.ndarray:
        """Cells that it covers, (G,G) bool."""
        return self.alphas >= COVERED * self.usual

    def copied_into(self, hole: np.ndarray) -> Splats | None:
        """Return the Gaussians that close a hole (G,G) bool; None if nothing around it can be copied."""
        # Things that stand in the hole, like fruit on a plate that was removed, are not the surface.
        whole = ndimage.binary_fill_holes(hole)
        rim, colors = rim_of(whole, self.covered), self.values[..., :3]
        away = np.abs(colors - np.median(colors[rim], axis=0)).max(2)
        own = self.covered & ~whole & (away <= ODD * max(float(np.median(away[rim])), 1e-6))
        smooth = membrane(self.values, own, hole)
        dense = CLOSED * float(np.median(self.alphas[rim]))
        parts, left = list[Splats](), hole
        for _ in range(ROUNDS):
            for patch in choose_patches(left, own, colors, rim):
                parts.append(self._copied(patch, own, smooth, hole))
            if not sum(map(len, parts)):
                return None
            both = joined([part.plain() for part in (self.splats, *parts)])
            before, left = left, hole & (self.chart.alphas(both) < dense)
            if left.sum() <= OPEN * hole.sum() or (left == before).all():
                break
        return joined(parts)

    def _copied(self, patch: Patch, own: np.ndarray, smooth: np.ndarray, hole: np.ndarray) -> Splats:
        copied = self.splats.subset(self.chart.shares_within(self.splats, patch.source) >= INSIDE)
        outline = ndimage.binary_dilation(patch.region, iterations=2) & ~patch.region & patch.moved(own) & (own | hole)
        moved = patch.moved(self.values)
        change = membrane(smooth - moved, outline, patch.region)
        # Its larger pattern is as likely to be that of the hole as the two rims agree; the rest of it is noise.
        larger = ndimage.gaussian_filter(moved, (LARGER, LARGER, 0)) - membrane(moved, outline, patch.region)
        change -= (1 - patch.agreement) * larger * patch.region[..., None]
        # Centres outside of the piece take the change of the nearest cell that has one.
        known = patch.region | outline
        nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        means = copied.positions.astype(np.float64) - self.chart.way(*patch.shift)
        change = change[tuple(nearest[:, *self.chart.cells(means)])]
        means += change[:, -1:] * self.chart.plane.normal
        harmonics = change[:, 3:-1].reshape(copied.shN.shape)
        return dataclasses.replace(
            copied,
            means=torch.from_numpy(means).to(copied.means),
            sh0=copied.sh0 + torch.from_numpy(change[:, :3]).to(copied.sh0),
            shN=copied.shN + torch.from_numpy(harmonics).to(copied.shN),
            extras={**copied.extras, MADE_UP: np.ones(len(copied), np.uint8)},
        )
