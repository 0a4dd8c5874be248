"""A similarity made exact by photographs: the splat is moved until its pictures are those of the capture.

    min over w, u, v of sum over views |picture of the splat under S(w, u, v) - photograph|
    S(x) = e^u exp([w]) (S_0(x) - m) + m + d v        around the middle m of the scene, d its distance from the cameras

Pictures grow as the error shrinks: small ones have the wider basin. Adam, a view a step, in turn.

Alphabet: w (3,) radians, u a logarithm, v (3,); H x W pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from splatseg.capture.view import View
from splatseg.checks.recognised import Photographs, small_camera
from splatseg.raster.interface import rasterize, vote
from splatseg.raster.rotations import rotation_matrices
from splatseg.splats.activations import Y0
from splatseg.splats.similarity import Similarity, hamilton
from splatseg.splats.splats import Splats

STAGES = ((32, 20_000), (96, 20_000), (320, 200_000))
"""Longer side of the pictures in pixels and the number of Gaussians of each stage: those that show most in a few
views. Few are enough to come near; all that matter must take part in the last digits."""

WEIGHED = 96
"""Longer side of the pictures that weigh the Gaussians, in pixels."""

STEPS = 64
"""Steps at each size."""

FIRST, LAST = 0.03, 0.0005
"""Step sizes at the beginning and the end: radians, and shares of the scene's size and distance."""


def settled_move(splats: Splats, move: Similarity, views: list[View]) -> Similarity:
    """Return the similarity (from the splat's world to that of the views) that a descent from `move` reaches."""
    moved, total = move.splats(splats), STEPS * len(STAGES)
    weights = _weights(moved, views)
    middle, distance = _middle(_shown(moved, weights, STAGES[0][1]), views)
    parameters = torch.zeros(7, requires_grad=True)
    optimiser = torch.optim.Adam([parameters], lr=FIRST)
    for stage, (side, most) in enumerate(STAGES):
        shown = _shown(moved, weights, most)
        photographs = Photographs(views, most=len(views), side=side)
        targets = [torch.from_numpy(one.astype(np.float32) / 255.0).permute(1, 2, 0) for one in photographs.pictures]
        for step in range(STEPS):
            for group in optimiser.param_groups:
                group["lr"] = FIRST * (LAST / FIRST) ** ((stage * STEPS + step) / total)
            one = step % len(targets)
            picture = rasterize(*_under(parameters, shown, middle, distance), _colors(shown), photographs.cameras[one])
            loss = (picture.features - targets[one]).abs().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return _similarity(parameters.detach(), middle, distance).after(move)


def _weights(splats: Splats, views: list[View]) -> Tensor:
    """Return the sums (N,) of the Gaussians' weights over small pictures of the views."""
    total = torch.zeros(len(splats))
    for view in views:
        camera = small_camera(view.camera, WEIGHED)
        everything = torch.ones((camera.height, camera.width), dtype=torch.int32)
        total += vote(splats.prepare(camera), everything, 1)[1]
    return total


def _shown(splats: Splats, weights: Tensor, most: int) -> Splats:
    """Return the `most` Gaussians with the largest weights (N,), without those of none."""
    chosen = weights.argsort(descending=True, stable=True)[:most]
    return splats.plain().subset(chosen[weights[chosen] > 0])


def _middle(splats: Splats, views: list[View]) -> tuple[Tensor, float]:
    """Return the middle (3,) of what the views look at, and its distance from them."""
    centre = splats.means.median(0).values if len(splats) else torch.zeros(3)
    positions = torch.from_numpy(np.array([view.camera.position for view in views], dtype=np.float32))
    return centre, float((positions - centre).norm(dim=1).median())


def _colors(splats: Splats) -> Tensor:
    # The constant colours: those of a direction would have to turn with the splat at every step.
    return (0.5 + Y0 * splats.sh0).clamp(min=0.0)


def _turn(w: Tensor) -> Tensor:
    """Return the unit quaternion (4,) wxyz of a rotation vector (3,), differentiable at 0."""
    half = 0.5 * w
    angle = (half.square().sum() + 1e-12).sqrt()
    return torch.cat([angle.cos()[None], half * (angle.sin() / angle)])


def _under(p: Tensor, splats: Splats, middle: Tensor, distance: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the geometry of a splat under the similarity of the parameters (7,)."""
    turn = _turn(p[:3])
    around = splats.means - middle
    means = p[3].exp() * around @ rotation_matrices(turn).T + middle + distance * p[4:]
    return means, hamilton(turn, splats.quats), p[3].exp() * splats.scales, splats.opacities


def _similarity(p: Tensor, middle: Tensor, distance: float) -> Similarity:
    rotation = rotation_matrices(_turn(p[:3].double())).numpy()
    scale, centre = float(p[3].exp()), middle.double().numpy()
    return Similarity(rotation, centre + distance * p[4:].double().numpy() - scale * rotation @ centre, scale)
