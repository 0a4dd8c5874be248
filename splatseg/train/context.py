"""Gaussians around those of a fit: drawn together with them, never changed. So a part of a scene is fitted in place.

    picture = blend(own, context)                  gradients reach the own Gaussians alone
    target  = (1 - u) photograph + u begun         u (H,W): share of the context in the light of the picture `begun`

A photograph shows more than the part. What it shows of the context is not the part's to mend: told to, its Gaussians
would grow as a veil before a context that is still blurred. So the part answers for its own light alone: where the
context gives all of it, the part is to leave the picture as it was when the fit began, `begun`; where nothing was, in
holes, every part may fill them.

Alphabet: N own Gaussians, C of the context, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.capture.view import View
from splatseg.raster.interface import Growth, Raster, rasterize
from splatseg.render.affine_color import with_affine_color
from splatseg.render.rgb import view_colors
from splatseg.splats.joined import joined
from splatseg.splats.splats import Splats
from splatseg.train.color_correction import Correction

PARAMETERS = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN")
"""Names of what draws a Gaussian."""


class Context:
    """The context of one fit."""

    def __init__(self, around: Splats, begun: Splats) -> None:
        """Take the context, and the fit's own Gaussians as they are before its first step."""
        self._whole = joined([begun, around]).resident
        # Views of the same memory.
        self._around = Splats(**{name: getattr(self._whole, name)[len(begun) :] for name in PARAMETERS})
        self._geometry = [tensor.detach() for tensor in self._around.geometry]
        self._theirs = self._whole.means.new_zeros(len(self._whole), 1)
        self._theirs[len(begun) :] = 1.0
        self._growth: Growth | None = None

    def rasterize(
        self, geometry: tuple[Tensor, Tensor, Tensor, Tensor], colors: Tensor, camera: Camera, growth: Growth | None
    ) -> Raster:
        """Blend the own Gaussians, of geometry as `raster.interface` takes it and colors (N,3), with the context.

        growth: of the own ones; what a backward adds to it, `count` adds.
        """
        with torch.no_grad():
            others = [*self._geometry, _colors(self._around, camera)]
        pairs = zip([*geometry, colors], others, strict=True)
        means, quats, scales, opacities, channels = (torch.cat(pair) for pair in pairs)
        self._growth = None
        if growth is not None:
            self._growth = Growth(*(means.new_zeros(len(means)) for _ in range(2)))
        return rasterize(means, quats, scales, opacities, channels, camera, growth=self._growth)

    def count(self, growth: Growth | None) -> None:
        """Add what the backward of the last `rasterize` found of the own Gaussians to their statistics (N,)."""
        if growth is None or self._growth is None:
            return
        count = len(growth.views)
        growth.gradient_sum.add_(self._growth.gradient_sum[:count])
        growth.views.add_(self._growth.views[:count])

    def target(
        self, view: View, camera: Camera, photograph: Tensor, background: Sequence[float], colors: Correction | None
    ) -> Tensor:
        """Return the target (H,W,3) of a view's picture, of a camera and with a photograph (H,W,3) of its size.

        Both in 0..1. colors: those of the photographs.
        """
        with torch.no_grad():
            channels = torch.cat([_colors(self._whole, camera), self._theirs], dim=1)
            raster = rasterize(*self._whole.geometry, channels, camera)
            begun = over(raster.features[..., :3], raster.alphas, background)
            if colors is not None:
                begun = with_affine_color(begun, colors.of(view))
            return torch.lerp(photograph, begun, raster.features[..., 3:])


def over(image: Tensor, alphas: Tensor, background: Sequence[float]) -> Tensor:
    """Return an image (H,W,3) with alphas (H,W) over a background, RGB in 0..1."""
    if not any(background):
        return image
    return image + (1.0 - alphas)[..., None] * image.new_tensor(background)


def _colors(splats: Splats, camera: Camera) -> Tensor:
    return view_colors(splats.means, splats.sh0, splats.shN, camera, splats.sh_degree)
