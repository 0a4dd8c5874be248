"""Settling: Gaussians at edges of segments are moved, turned, shrunk and faded until the edges agree with the masks.

    loss = |image - photograph|  +  weight * mean_p q_p b_p |c(p) - c_m(p)|^2        c(p) = sum_i w_i c_{k_i}

Every segment k has a fixed random unit code c_k; blended codes are compared with the code of the segment whose best
mask covers the pixel. If two segments share a pixel as a : 1 - a, the squared distance is about 2 a^2, whatever the
number of segments, and colour and codes are one rasterisation. q_p is how well the mask fits its segment; b_p is 0 if
the segment makes up little of the pixel: there a mask is wrong, not an edge out of place. The photographs preserve the
picture, and repair what cutting did to it. Only the given Gaussians move.

Alphabet: N Gaussians; K segments; C code channels; H x W pixels; p a pixel; rates are Adam's.

Source: ours; that masks move geometry at boundaries is the idea of COB-GS (2025).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.raster.interface import rasterize
from splatseg.render.rgb import render_rgb, view_colors
from splatseg.splats.activations import to_opacities
from splatseg.splats.splats import Splats
from splatseg.train.density import extent_of
from splatseg.train.fit import view_of_step
from splatseg.train.optimiser import Optimiser
from splatseg.votes.votes import Votes

if TYPE_CHECKING:
    from splatseg.capture.view import View
    from splatseg.masks.source import MaskSource

CODE_CHANNELS = 13
"""Channels of a code, C: with three of colour they make 16, which the rasteriser blends at once."""

BELIEVED = 1.2
"""Squared distance of codes at which a mask is no longer believed: its segment makes up less than about a quarter."""

RATES = {"means": 3e-5, "quats": 4e-4, "log_scales": 4e-4, "opacity_logits": 4e-3, "sh0": 2e-3}
"""Learning rates; that of means is a share of the extent of the cameras. A fifth of the final rates of a fit: the
splat has converged, and larger steps only shake it [five times as much: held-out PSNR of tabletop -0.2 dB instead of
+0.2]."""


def settle(
    splats: Splats,
    moving: np.ndarray,
    views: Sequence[View],
    targets: Targets,
    steps: int,
    weight: float,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Splats:
    """Return the splat after `steps` steps that adjust the Gaussians moving (N,) bool and no others.

    A view without a photograph is compared with the picture of the splat before settling.
    """
    assert splats.segment_ids is not None
    if steps == 0 or not views or not moving.any():
        return splats
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(int(splats.segment_ids.max()) + 1, CODE_CHANNELS, generator=generator)
    codes = torch.nn.functional.normalize(codes, dim=1)
    codes[0] = 0.0  # Gaussians without a segment add nothing, like light that passes through
    optimiser = Optimiser({name: getattr(splats, name).clone() for name in RATES})
    rates = RATES | {"means": RATES["means"] * extent_of([view.camera for view in views])}
    own_codes, still = codes[splats.segment_ids.long()], torch.from_numpy(~moving)
    for step in range(steps):
        view = views[view_of_step(step, len(views), seed)]
        parameters = optimiser.parameters
        image, blended = _render(parameters, splats, own_codes, view.camera, background)
        apart = (image - _photograph(view, splats, background)).abs()
        ignored = view.ignored() if view.image_path is not None else None
        loss = apart.mean() if ignored is None else (apart * torch.from_numpy(~ignored)[..., None]).mean()
        labels, trust = targets.read(view)
        distance = (blended - codes[labels]).square().sum(-1)
        believed = trust * (distance.detach() < BELIEVED)
        loss = loss + weight * (believed * distance).mean()
        loss.backward()
        # With a zero gradient from the first step on, Adam's moments stay zero and the Gaussian does not move.
        for value in parameters.values():
            if value.grad is not None:
                value.grad[still] = 0.0
        optimiser.step(rates)
        if progress is not None:
            progress(step + 1)
    return _with_moved(splats, optimiser.parameters, moving)


class Targets:
    """Label maps that the masks ask for, read one view at a time."""

    def __init__(self, votes: Votes, matched: sparse.csc_array, masks: MaskSource) -> None:
        self._masks = masks
        fit = matched.tocsr()
        # However much a source weighs, a pixel is not asked for more than its photograph.
        best, trust = fit.argmax(axis=1).ravel(), fit.max(axis=1).toarray().ravel().clip(max=1.0)
        self._segments: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for number, name in enumerate(votes.views):
            columns = np.flatnonzero(votes.view_of == number)
            segment, believed = np.zeros(len(columns) + 1, np.int64), np.zeros(len(columns) + 1, np.float32)
            segment[votes.id_of[columns]], believed[votes.id_of[columns]] = best[columns], trust[columns]
            self._segments[name] = segment, believed

    def read(self, view: View) -> tuple[Tensor, Tensor]:
        """Return (segment (H,W) int64, trust (H,W) float32, 0 for pixels without a matched mask) of a view."""
        size = (view.camera.height, view.camera.width)
        labels, trust = np.zeros(size, np.int64), np.zeros(size, np.float32)
        found = self._masks.read(view) if view.name in self._segments else None
        if found is not None:
            segment, believed = self._segments[view.name]
            for layer in found.layers:
                better = believed[layer] > trust
                labels[better], trust[better] = segment[layer][better], believed[layer][better]
        return torch.from_numpy(labels), torch.from_numpy(trust)


def _render(
    parameters: dict[str, Tensor],
    splats: Splats,
    own_codes: Tensor,
    camera: Camera,
    background: tuple[float, float, float],
) -> tuple[Tensor, Tensor]:
    means = parameters["means"]
    colors = view_colors(means.detach(), parameters["sh0"], splats.shN, camera, splats.sh_degree)
    raster = rasterize(
        means,
        parameters["quats"],
        parameters["log_scales"].exp(),
        to_opacities(parameters["opacity_logits"]),
        torch.cat([colors, own_codes], dim=1),
        camera,
    )
    image = raster.features[..., :3] + (1.0 - raster.alphas)[..., None] * torch.tensor(background)
    return image, raster.features[..., 3:]


def _photograph(view: View, splats: Splats, background: tuple[float, float, float]) -> Tensor:
    if view.image_path is None:
        with torch.no_grad():
            return render_rgb(splats, view.camera, background)
    return torch.from_numpy(np.ascontiguousarray(view.image())).float() / 255.0


def _with_moved(splats: Splats, parameters: dict[str, Tensor], moving: np.ndarray) -> Splats:
    """Return the splat with the moved Gaussians; a Gaussian that is no longer finite stays as it was."""
    changed = {name: value.detach().clone() for name, value in parameters.items()}
    finite = torch.stack([torch.isfinite(value).reshape(len(value), -1).all(1) for value in changed.values()]).all(0)
    kept = (~(finite & torch.from_numpy(moving))).nonzero()[:, 0]
    for name, value in changed.items():
        value[kept] = getattr(splats, name)[kept]
    return splats.replace(**changed)
