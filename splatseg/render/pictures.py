"""Pictures of a splat's features as colours, and of its depth as a 16-bit image.

Alphabet: N Gaussians, F feature channels, H x W pixels. Features become colours by their first three principal
components (Pearson 1901), fitted once per splat on its Gaussians, so that a thing has the same colour in every view;
the sign of a component, which is arbitrary, is fixed. Depth is along the optical axis, in scene units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.errors import RunError
from splatseg.files import write_json, write_png
from splatseg.render.rgb import render_channels
from splatseg.splats.splats import Splats

GAUSSIANS_FITTED = 50_000
"""Gaussians that the components are fitted on; more change them by less than the eye sees."""

ROWS_AT_ONCE = 1 << 18
"""Gaussians whose features are looked at in one go."""

SPREAD = (0.02, 0.98)
"""Quantiles of each component that become the darkest and the brightest value."""

DEPTH_LEVELS = 65535
"""Highest value of a 16-bit depth image."""


@dataclass(frozen=True, eq=False)
class FeatureColors:
    """Colours of the features of N Gaussians."""

    colors: Tensor
    """(N,3) float32 in 0..1; mid-grey for a Gaussian without a feature."""

    @classmethod
    @torch.no_grad()
    def fit(cls, features: Tensor, weights: Tensor | None = None, seed: int = 0) -> FeatureColors:
        """Fit principal components to a sample of features (N,F) drawn with `seed`, weighted by weights (N,) >= 0.

        Opacities are good weights: barely visible Gaussians then barely count.
        """
        features = features.detach()
        colors = torch.full((len(features), 3), 0.5)
        # In doubles a part at a time: features of a huge splat lie in a file.
        parts = [slice(begin, begin + ROWS_AT_ONCE) for begin in range(0, len(features), ROWS_AT_ONCE)]
        known = torch.cat([_known(features[part].double()) for part in parts] or [torch.zeros(0, dtype=torch.bool)])
        if not bool(known.any()):
            return cls(colors)
        rows = torch.nonzero(known)[:, 0]
        picked = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:GAUSSIANS_FITTED]]
        counted = torch.ones(len(picked)) if weights is None else weights.detach()[picked] + 1e-6
        sample = features[picked].double()
        mean, basis = _principal_components(sample, counted.double())
        low, high = torch.quantile((sample - mean) @ basis, torch.tensor(SPREAD).double(), dim=0)
        # A component without spread carries no information; it stays in the middle.
        flat = (high - low) < 1e-9
        for part in parts:
            scaled = ((features[part][known[part]].double() - mean) @ basis - low) / torch.where(flat, 1.0, high - low)
            colors[part][known[part]] = torch.where(flat, 0.5, scaled.clamp(0, 1)).float()
        return cls(colors)

    @torch.no_grad()
    def render(self, splats: Splats, camera: Camera) -> np.ndarray:
        """Render the features as a camera sees them: (H,W,3) uint8, black where there is nothing."""
        return to_uint8(render_channels(splats, camera, self.colors.to(splats.means)))


def _known(features: Tensor) -> Tensor:
    """Tell which features (n,F) are finite and not all zero, (n,) bool."""
    return torch.isfinite(features).all(1) & (features.abs().sum(1) > 0)


def fit_feature_colors(splats: Splats, seed: int = 0) -> FeatureColors:
    """Return colours for the features of a splat, weighted by opacity. Raises RunError if the splat has no features."""
    if splats.features is None:
        raise RunError("the splat has no features yet; make them with `splatseg segment RUN`")
    return FeatureColors.fit(splats.features, splats.opacities, seed)


def to_uint8(image: Tensor | np.ndarray) -> np.ndarray:
    """Convert an image in 0..1 to uint8; values outside are clipped."""
    values = torch.as_tensor(image).detach().clamp(0, 1)
    return (values * 255).round().to(torch.uint8).cpu().numpy()


def depth_unit(splats: Splats, cameras: Sequence[Camera]) -> float:
    """Choose the scene units of one step of a 16-bit depth image, for all cameras: 1, 2 or 5 times a power of ten.

    The smallest such unit in which the deepest Gaussian of any view still fits (without the farthest 0.1 %).
    """
    means = splats.positions.astype(np.float64)
    far = 0.0
    for camera in cameras:
        depths = means @ camera.viewmat[2, :3] + camera.viewmat[2, 3]
        ahead = depths[depths > 0]
        far = max(far, float(np.quantile(ahead, 0.999)) if len(ahead) else 0.0)
    exact = far / DEPTH_LEVELS
    if exact <= 0:
        return 1e-3
    power = 10.0 ** np.floor(np.log10(exact))
    factor = next(factor for factor in (1, 2, 5, 10) if factor * power >= exact * (1 - 1e-9))
    return float(f"{factor * power:.0e}")


def write_depth(path: Path, depth: Tensor | np.ndarray, unit: float) -> None:
    """Write depth (H,W), scene units, as a 16-bit PNG of multiples of `unit`; 0 = nothing, 65535 = that or farther."""
    values = torch.as_tensor(depth).detach().cpu().double().numpy()
    steps = np.nan_to_num(values / unit, nan=0.0, posinf=0.0, neginf=0.0)
    seen = steps > 0
    # A seen pixel must not round down to 0 = nothing, however near it is.
    steps = np.where(seen, np.clip(np.rint(steps), 1, DEPTH_LEVELS), 0)
    write_png(path, steps.astype(np.uint16))


def write_depth_unit(path: Path, unit: float) -> None:
    """Write the JSON file that says in which unit the depth PNGs of the same folder are."""
    write_json(
        path,
        {
            "unit": unit,
            "meaning": "depth along the optical axis in scene units = pixel value * unit; 0 = nothing there; "
            f"{DEPTH_LEVELS} = that far or farther",
        },
    )


def _principal_components(features: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted mean (F,) and the three main directions (F,3), padded with zeros if F < 3."""
    weights = weights / weights.sum()
    mean = weights @ features
    centred = features - mean
    covariance = centred.T @ (centred * weights[:, None])
    _, vectors = torch.linalg.eigh(covariance)
    # eigh sorts eigenvalues ascending. The largest entry of each direction is made positive, which fixes its sign.
    basis = vectors.flip(1)[:, :3]
    largest = basis.abs().argmax(0)
    signs = torch.sign(basis[largest, torch.arange(basis.shape[1])])
    basis = basis * signs
    missing = 3 - basis.shape[1]
    return mean, torch.nn.functional.pad(basis, (0, missing)) if missing > 0 else basis
