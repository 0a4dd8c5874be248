"""The 3D model: a set of Gaussians with their parameters.

Alphabet: N Gaussians; K = (degree+1)^2 - 1 spherical harmonics beyond the constant one; F feature channels.
Parameters (`log_scales`, `opacity_logits`) are what is optimised and stored; physical values (`scales` linear in world
units, `opacities` in 0..1) are derived. Quaternions are wxyz and normalised on use. All tensors are float32 on one
device unless a test asks for float64.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splatseg.arrays import check_shapes
from splatseg.cameras.camera import Camera
from splatseg.cards import card
from splatseg.raster.interface import Plan, prepare
from splatseg.splats.preview import preview


@dataclass(frozen=True, eq=False)
class Splats:
    """N Gaussians. Frozen: methods return new sets that share what they did not change.

    means (N,3) world units; quats (N,4) wxyz; log_scales (N,3); opacity_logits (N,); sh0 (N,3) the constant colour
    coefficient (rgb = 0.5 + 0.2820948 * sh0); shN (N,K,3) the others, K in {0, 3, 8, 15}; features (N,F) or None;
    segment_ids (N,) int32, 0 = none, or None; extras: properties of a file that splatseg does not know, kept, by name.

    Example:
        >>> splats = scene.splats
        >>> splats.means.shape == (len(splats), 3)
        True
        >>> len(splats.subset(splats.opacities > 0.5)) < len(splats)
        True
    """

    means: Tensor
    quats: Tensor
    log_scales: Tensor
    opacity_logits: Tensor
    sh0: Tensor
    shN: Tensor  # noqa: N815
    features: Tensor | None = None
    segment_ids: Tensor | None = None
    extras: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sizes = check_shapes(
            means=(self.means, "N 3"),
            quats=(self.quats, "N 4"),
            log_scales=(self.log_scales, "N 3"),
            opacity_logits=(self.opacity_logits, "N"),
            sh0=(self.sh0, "N 3"),
            shN=(self.shN, "N K 3"),
        )
        assert sizes["K"] in (0, 3, 8, 15), f"shN has {sizes['K']} coefficients; 0, 3, 8 or 15 make whole degrees"
        if self.features is not None:
            check_shapes(means=(self.means, "N 3"), features=(self.features, "N F"))
        if self.segment_ids is not None:
            check_shapes(means=(self.means, "N 3"), segment_ids=(self.segment_ids, "N"))

    def __len__(self) -> int:
        return self.means.shape[0]

    @property
    def scales(self) -> Tensor:
        """Linear standard deviations along the Gaussian's axes, (N,3), world units."""
        return self.log_scales.exp()

    @property
    def opacities(self) -> Tensor:
        """(N,) in 0..1."""
        return self.opacity_logits.sigmoid()

    @property
    def geometry(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Everything but colour, as the rasteriser takes it: means (N,3), quats (N,4), scales (N,3), opacities (N,)."""
        return self.means, self.quats, self.scales, self.opacities

    @property
    def positions(self) -> np.ndarray:
        """The means as an array of NumPy, (N,3), without a gradient."""
        means: np.ndarray = self.means.detach().cpu().numpy()
        return means

    @property
    def reach(self) -> np.ndarray:
        """The largest scale of each Gaussian as an array of NumPy, (N,), world units."""
        reach: np.ndarray = self.scales.detach().amax(1).cpu().numpy()
        return reach

    @property
    def sh_degree(self) -> int:
        """0, 1, 2 or 3."""
        return {0: 0, 3: 1, 8: 2, 15: 3}[self.shN.shape[1]]

    def prepare(self, camera: Camera) -> Plan:
        """Prepare the geometry for one camera (see `raster.interface.prepare`)."""
        with torch.no_grad():
            return prepare(*self.geometry, camera)

    def replace(self, **changes: Tensor | None) -> Splats:
        """The same Gaussians with some fields (N,...) exchanged, e.g. `replace(features=...)`."""
        exchanged: dict[str, Any] = {**changes}
        return dataclasses.replace(self, **exchanged)

    def plain(self) -> Splats:
        """The same Gaussians with their geometry and colour alone: no features, segments or extras."""
        return dataclasses.replace(self, features=None, segment_ids=None, extras={})

    def subset(self, which: Tensor) -> Splats:
        """The Gaussians chosen by a boolean mask (N,) or by indices, with all they carry."""
        picked = {
            f.name: getattr(self, f.name)[which]
            for f in dataclasses.fields(self)
            if f.name != "extras" and getattr(self, f.name) is not None
        }
        rows = which.cpu().numpy()
        return Splats(**picked, extras={name: values[rows] for name, values in self.extras.items()})

    def __repr__(self) -> str:
        """One line."""
        return f"<Splats: {', '.join(f'{value} {name}' for name, value in self._figures().items())}>"

    def _figures(self) -> dict[str, str]:
        figures = {"Gaussians": f"{len(self):,}", "degree of harmonics": str(self.sh_degree)}
        if self.features is not None:
            figures["features"] = str(self.features.shape[1])
        if self.segment_ids is not None:
            figures["segments"] = str(int((self.segment_ids.unique() > 0).sum()))
        return figures

    def _repr_html_(self) -> str:
        """A picture from outside and a few figures, for notebooks."""
        return card("Splats", self._figures(), preview(*self.geometry, self.sh0))
