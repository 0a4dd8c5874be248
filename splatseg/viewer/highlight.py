"""The selection in a picture: tinted, and outlined where it makes up half of a pixel.

The outline is a bright line with a dark one around it, so that it is seen on light and on dark, and on any colour.

Alphabet: H x W pixels; picture (H,W,3) float32 in 0..1; cover (H,W) in 0..1, the share of a pixel that is selected.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from splatseg.output.overlays import SELECTED

TINT = 0.30
"""Share of amber in what is selected."""

DARK = 0.65
"""How much the outer line darkens what is around a selection."""

LINE = 3
"""Pixels within which the bright line lies; the dark one is twice as wide. Odd."""

REACH = LINE
"""No pixel farther than this from a covered one is changed, in x and in y."""


def highlighted(picture: Tensor, cover: Tensor, tint: float = TINT) -> Tensor:
    """The picture with the selection marked, in place. tint: share of amber in it."""
    inside = (cover > 0.5).float()
    if not bool(inside.any()):
        return picture
    amber = torch.tensor(SELECTED, dtype=torch.float32) / 255
    # A mean over a square is 1/2 on the border and falls off within the square: a smooth line, whatever the border.
    near, far = (_edge(inside, width) for width in (LINE, 2 * LINE + 1))
    shade = 1.0 - DARK * far * (1.0 - inside)
    picture.mul_(shade[..., None])
    share = torch.maximum(tint * inside, near)[..., None]
    return picture.mul_(1.0 - share).add_(share * amber)


def _edge(inside: Tensor, width: int) -> Tensor:
    # The frame of the picture is no border: there the mean is of the pixels that there are.
    mean = avg_pool2d(inside[None, None], width, 1, width // 2, count_include_pad=False)[0, 0]
    return 4.0 * mean * (1.0 - mean)
