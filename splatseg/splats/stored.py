"""A splat as its file stores it: arrays, read without torch, whose import takes longer than reading most files.

Files hold scales and opacities as parameters (logarithms, logits) or as physical values; which of them, two flags say.
The parameters of physical values are made by torch when they are first asked for: NumPy's logarithms differ from its
in the last bit.

Alphabet: N Gaussians; K harmonics beyond the constant one; F feature channels, as in `splats.splats`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.cameras.coordinates import OWN, Coordinates
from splatseg.splats.activations import (
    OPACITY_MARGIN,
    SCALE_MAX,
    SCALE_MIN,
    to_log_scales,
    to_opacity_logits,
    with_finite_logits,
    with_finite_scales,
)

DEGREES = {0: 0, 3: 1, 8: 2, 15: 3}
"""Degree of spherical harmonics by the number K of their coefficients beyond the constant one."""


@dataclass(frozen=True, eq=False)
class StoredSplats:
    """N Gaussians in NumPy arrays, float32 if not said otherwise, which nobody writes into (see `Splats`)."""

    means: np.ndarray
    """Centres (N,3), world units."""

    quats: np.ndarray
    """Rotations (N,4) wxyz."""

    scales: np.ndarray
    """Standard deviations (N,3) along the axes, world units: their logarithms, or linear (`linear_scales`)."""

    opacities: np.ndarray
    """Logits (N,) of the opacities, or these themselves in 0..1 (`linear_opacities`)."""

    sh0: np.ndarray
    """Constant colour coefficients (N,3)."""

    shN: np.ndarray  # noqa: N815
    """Other colour coefficients (N,K,3)."""

    features: np.ndarray | None = None
    """Features (N,F), or None."""

    segment_ids: np.ndarray | None = None
    """Segment ids (N,) int32, 0 = none, or None."""

    extras: dict[str, np.ndarray] = field(default_factory=dict)
    """Other properties (N,) of the file, by name."""

    antialiased: bool = False
    """True if the splat was fitted for anti-aliased rendering."""

    coordinates: Coordinates = OWN
    """The user's own coordinates of the world that the Gaussians are in."""

    linear_scales: bool = False
    """True if `scales` are linear."""

    linear_opacities: bool = False
    """True if `opacities` are in 0..1."""

    def __post_init__(self) -> None:
        sizes = check_shapes(
            means=(self.means, "N 3"),
            quats=(self.quats, "N 4"),
            scales=(self.scales, "N 3"),
            opacities=(self.opacities, "N"),
            sh0=(self.sh0, "N 3"),
            shN=(self.shN, "N K 3"),
        )
        assert sizes["K"] in DEGREES, f"shN has {sizes['K']} coefficients; 0, 3, 8 or 15 make whole degrees"

    def __len__(self) -> int:
        return len(self.means)

    @cached_property
    def log_scales(self) -> np.ndarray:
        """Logarithms (N,3) of the standard deviations."""
        if not self.linear_scales:
            return self.scales
        import torch  # noqa: PLC0415 (see the module)

        logs: np.ndarray = to_log_scales(torch.from_numpy(self.scales)).numpy()
        return logs

    @cached_property
    def opacity_logits(self) -> np.ndarray:
        """Logits (N,) of the opacities."""
        if not self.linear_opacities:
            return self.opacities
        import torch  # noqa: PLC0415 (see the module)

        logits: np.ndarray = to_opacity_logits(torch.from_numpy(self.opacities)).numpy()
        return logits

    @property
    def own_positions(self) -> np.ndarray:
        """Means in the user's own coordinates, (N,3) float64."""
        return self.coordinates.outwards(self.means)

    @property
    def sh_degree(self) -> int:
        """Degree of the spherical harmonics: 0, 1, 2 or 3."""
        return DEGREES[self.shN.shape[1]]

    def bounded(self) -> StoredSplats:
        """Return the same Gaussians with scales and opacities whose parameters are finite; NaN stays NaN."""
        scales, opacities = self.scales, self.opacities
        return dataclasses.replace(
            self,
            scales=np.clip(scales, SCALE_MIN, SCALE_MAX) if self.linear_scales else with_finite_scales(scales),
            opacities=np.clip(opacities, OPACITY_MARGIN, 1 - OPACITY_MARGIN)
            if self.linear_opacities
            else with_finite_logits(opacities),
        )

    def finite(self) -> np.ndarray:
        """Return (N,) bool: everything that is stored of a Gaussian is finite."""
        groups = [self.means, self.quats, self.scales, self.opacities[:, None], self.sh0]
        groups += [self.shN.reshape(len(self), 3 * self.shN.shape[1])] + (
            [] if self.features is None else [self.features]
        )
        finite = np.ones(len(self), bool)
        for inside in map(np.isfinite, groups):
            if not inside.all():  # rows are looked at only where there is something to find: that takes longer
                finite &= inside.all(1)
        return finite

    def subset(self, which: np.ndarray) -> StoredSplats:
        """Return the Gaussians chosen by a boolean mask (N,), or by indices, with all their fields."""
        picked: dict[str, Any] = {
            f.name: values[which]
            for f in dataclasses.fields(self)
            if isinstance(values := getattr(self, f.name), np.ndarray)
        }
        return dataclasses.replace(self, **picked, extras={name: values[which] for name, values in self.extras.items()})


def joined_stored(parts: Sequence[StoredSplats]) -> StoredSplats:
    """Return the Gaussians of parts of one splat, one or more that agree in their fields, in their order."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if len({(part.linear_scales, part.linear_opacities) for part in parts}) > 1:
        # Parts of several formats: parameters are what all have.
        parts = [
            dataclasses.replace(
                part,
                scales=part.log_scales,
                opacities=part.opacity_logits,
                linear_scales=False,
                linear_opacities=False,
            )
            for part in parts
        ]
    together: dict[str, Any] = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts])
        for f in dataclasses.fields(first)
        if isinstance(getattr(first, f.name), np.ndarray)
    }
    extras = {name: np.concatenate([part.extras[name] for part in parts]) for name in first.extras}
    return dataclasses.replace(parts[0], **together, extras=extras)
