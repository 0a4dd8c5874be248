"""The 3D model: a set of Gaussians with their parameters.

Alphabet: N Gaussians; K = (degree+1)^2 - 1 spherical harmonics beyond the constant one; F feature channels.
Parameters (`log_scales`, `opacity_logits`) are optimised and stored; physical values (`scales` linear in world units,
`opacities` in 0..1) are derived from them. Quaternions are wxyz and normalised on use. All tensors are float32 on one
device unless a test asks for float64.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splatseg.arrays import check_shapes
from splatseg.cameras.camera import Camera
from splatseg.cameras.coordinates import OWN, Coordinates
from splatseg.cards import card
from splatseg.machine.devices import resident
from splatseg.raster.interface import Plan, prepare
from splatseg.splats.activations import to_opacities
from splatseg.splats.preview import preview
from splatseg.splats.stored import DEGREES, StoredSplats


@dataclass(frozen=True, eq=False)
class Splats:
    """N Gaussians with means (N,3) and their other parameters. Frozen: methods return new sets that share tensors.

    Example:
        >>> splats = scene.splats
        >>> splats.means.shape == (len(splats), 3)
        True
        >>> len(splats.subset(splats.opacities > 0.5)) < len(splats)
        True
    """

    means: Tensor
    """Centres (N,3), world units."""

    quats: Tensor
    """Rotations (N,4) wxyz, normalised on use."""

    log_scales: Tensor
    """Logarithms (N,3) of the standard deviations along the Gaussian's axes, world units."""

    opacity_logits: Tensor
    """Logits (N,) of the opacities."""

    sh0: Tensor
    """Constant colour coefficients (N,3): rgb = 0.5 + 0.2820948 * sh0."""

    shN: Tensor  # noqa: N815
    """Other colour coefficients (N,K,3), K in {0, 3, 8, 15}."""

    features: Tensor | None = None
    """Features (N,F), or None."""

    segment_ids: Tensor | None = None
    """Segment ids (N,) int32, 0 = none, or None."""

    extras: dict[str, np.ndarray] = field(default_factory=dict)
    """Properties (N,) of the file that splatseg does not use, kept by name."""

    antialiased: bool = False
    """True if the splat was fitted for anti-aliased rendering. It is not rendered so here; its files say it."""

    coordinates: Coordinates = OWN
    """The user's own coordinates of the world that the Gaussians are in."""

    def __post_init__(self) -> None:
        sizes = check_shapes(
            means=(self.means, "N 3"),
            quats=(self.quats, "N 4"),
            log_scales=(self.log_scales, "N 3"),
            opacity_logits=(self.opacity_logits, "N"),
            sh0=(self.sh0, "N 3"),
            shN=(self.shN, "N K 3"),
        )
        assert sizes["K"] in DEGREES, f"shN has {sizes['K']} coefficients; 0, 3, 8 or 15 make whole degrees"
        if self.features is not None:
            check_shapes(means=(self.means, "N 3"), features=(self.features, "N F"))
        if self.segment_ids is not None:
            check_shapes(means=(self.means, "N 3"), segment_ids=(self.segment_ids, "N"))

    def __len__(self) -> int:
        return self.means.shape[0]

    @property
    def scales(self) -> Tensor:
        """Standard deviations along the Gaussian's axes, linear, (N,3), world units."""
        return self.log_scales.exp()

    @property
    def opacities(self) -> Tensor:
        """Opacities (N,) in 0..1."""
        return to_opacities(self.opacity_logits)

    @property
    def geometry(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """All but colour, as the rasteriser takes it: means (N,3), quats (N,4), scales (N,3), opacities (N,)."""
        return self.means, self.quats, self.scales, self.opacities

    @property
    def resident(self) -> Splats:
        """Geometry and colour on the device of this process; copies on a card are kept (`machine.devices.resident`)."""
        names = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN")
        moved: dict[str, Any] = {name: resident(getattr(self, name)) for name in names}
        if all(moved[name] is getattr(self, name) for name in names):
            return self
        return dataclasses.replace(self.plain(), **moved)

    @property
    def positions(self) -> np.ndarray:
        """Means as a NumPy array, (N,3), without a gradient."""
        means: np.ndarray = self.means.detach().cpu().numpy()
        return means

    @property
    def own_positions(self) -> np.ndarray:
        """Means in the user's own coordinates, (N,3) float64."""
        return self.coordinates.outwards(self.positions)

    @property
    def reach(self) -> np.ndarray:
        """Largest scale of each Gaussian as a NumPy array, (N,), world units."""
        reach: np.ndarray = self.scales.detach().amax(1).cpu().numpy()
        return reach

    @property
    def sh_degree(self) -> int:
        """Degree of the spherical harmonics: 0, 1, 2 or 3."""
        return DEGREES[self.shN.shape[1]]

    @property
    def is_mapped(self) -> bool:
        """True for a splat in files (`splats.mapped`), of which memory may not hold what several cameras see."""
        return False

    def in_view(self, camera: Camera, colored: bool = False) -> Splats:
        """Return the Gaussians that are enough for what a camera sees: all, but of a splat in files (`splats.mapped`).

        colored: with their colours, which a mapped splat otherwise leaves out.
        """
        del camera, colored
        return self

    def carried_in_view(self, camera: Camera, values: Tensor) -> Tensor:
        """Return those of values (N,...) that the Gaussians of `in_view` carry."""
        del camera
        return values

    def prepare(self, camera: Camera) -> Plan:
        """Prepare the geometry for one camera (see `raster.interface.prepare`)."""
        with torch.no_grad():
            return prepare(*self.resident.geometry, camera)

    def replace(self, **changes: Tensor | None) -> Splats:
        """Return the same Gaussians with some fields (N,...) replaced, e.g. `replace(features=...)`."""
        exchanged: dict[str, Any] = {**changes}
        return dataclasses.replace(self, **exchanged)

    def plain(self) -> Splats:
        """Return the same Gaussians with geometry and colour alone: no features, segments or extras."""
        return dataclasses.replace(self, features=None, segment_ids=None, extras={})

    def subset(self, which: Tensor | np.ndarray) -> Splats:
        """Return the Gaussians chosen by a boolean mask (N,) or by indices, with all their fields."""
        which = torch.as_tensor(which)
        picked = {
            f.name: getattr(self, f.name)[which]
            for f in dataclasses.fields(self)
            if isinstance(getattr(self, f.name), Tensor)
        }
        rows = which.cpu().numpy()
        return dataclasses.replace(self, **picked, extras={name: values[rows] for name, values in self.extras.items()})

    def in_world(self, coordinates: Coordinates) -> Splats:
        """Return the same Gaussians in the world of other coordinates."""
        if coordinates == self.coordinates:
            return self
        means = coordinates.inwards(self.own_positions)
        return dataclasses.replace(
            self,
            means=torch.from_numpy(means).to(self.means),
            log_scales=self.log_scales + math.log(self.coordinates.scale / coordinates.scale),
            coordinates=coordinates,
        )

    def rescaled(self, factor: float) -> Splats:
        """Return the same Gaussians in own coordinates times a factor above 0, such as metres a unit."""
        centre, scale = self.coordinates.centre, self.coordinates.scale
        if not self.coordinates.is_own:
            x, y, z = (factor * value for value in centre)
            return dataclasses.replace(self, coordinates=Coordinates((x, y, z), factor * scale))
        return dataclasses.replace(self, means=self.means * factor, log_scales=self.log_scales + math.log(factor))

    def __repr__(self) -> str:
        """Describe the splat in one line."""
        return f"<Splats: {', '.join(f'{value} {name}' for name, value in self._figures().items())}>"

    def _figures(self) -> dict[str, str]:
        figures = {"Gaussians": f"{len(self):,}", "degree of harmonics": str(self.sh_degree)}
        if self.features is not None:
            figures["features"] = str(self.features.shape[1])
        if self.segment_ids is not None:
            figures["segments"] = str(int((self.segment_ids.unique() > 0).sum()))
        return figures

    def _repr_html_(self) -> str:
        """Return a picture from outside and a few figures as HTML, for notebooks."""
        return card("Splats", self._figures(), preview(*self.geometry, self.sh0))


def splats_of(stored: StoredSplats) -> Splats:
    """Return the Gaussians of a file as tensors, which share its arrays."""
    features, ids = stored.features, stored.segment_ids
    return Splats(
        means=torch.from_numpy(stored.means),
        quats=torch.from_numpy(stored.quats),
        log_scales=torch.from_numpy(stored.log_scales),
        opacity_logits=torch.from_numpy(stored.opacity_logits),
        sh0=torch.from_numpy(stored.sh0),
        shN=torch.from_numpy(stored.shN),
        features=None if features is None else torch.from_numpy(features),
        segment_ids=None if ids is None else torch.from_numpy(ids),
        extras=stored.extras,
        antialiased=stored.antialiased,
        coordinates=stored.coordinates,
    )
