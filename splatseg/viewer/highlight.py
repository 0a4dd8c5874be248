"""The selection in a picture: tinted, and outlined where it makes up half of a pixel.

The outline is a bright line with a dark one around it, so that it is seen on light and on dark, and on any colour.

Alphabet: H x W pixels; picture (H,W,3) float32 in 0..1; cover (H,W) in 0..1, the share of a pixel that is selected.
"""

from __future__ import annotations

import torch
from torch import Tensor

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
    inside = cover > 0.5
    if not bool(inside.any()):
        return picture
    sums = _summed(inside)
    share = inside.float().mul_(tint)
    # A mean over a square is 1/2 on the border and falls off within the square: a smooth line, whatever the border.
    # It is 0 or 1 nearly everywhere, so what follows is done for the few pixels where it is not.
    far = _mean(sums, 2 * LINE + 1)
    band = torch.nonzero((far > 0) & (far < 1), as_tuple=True)
    near, far = _line(_mean(sums, LINE)[band]), _line(far[band])
    picture[band] *= (1.0 - DARK * far * ~inside[band])[:, None]
    share[band] = torch.maximum(share[band], near)
    return picture.lerp_(torch.tensor(SELECTED, dtype=torch.float32) / 255, share[..., None])


def _line(mean: Tensor) -> Tensor:
    return 4.0 * mean * (1.0 - mean)


def _summed(inside: Tensor) -> Tensor:
    """(H + 1, W + 1) int32: how many pixels are inside, above and left of every corner of pixels."""
    sums = torch.zeros(inside.shape[0] + 1, inside.shape[1] + 1, dtype=torch.int32)
    torch.cumsum(inside, 1, dtype=torch.int32, out=sums[1:, 1:])
    return sums.cumsum_(0)


def _mean(sums: Tensor, width: int) -> Tensor:
    """(H,W): the share that is inside of the square of `width` pixels around each. The frame of the picture is no
    border: there it is the share of the pixels that there are."""
    for axis in (0, 1):
        middle = torch.arange(sums.shape[axis] - 1)
        low = (middle - width // 2).clamp_(min=0)
        high = (middle + width // 2 + 1).clamp_(max=len(middle))
        sums = sums.index_select(axis, high).sub_(sums.index_select(axis, low))
        if axis == 0:
            tall = high - low
    return sums / (tall[:, None] * (high - low)).float()
