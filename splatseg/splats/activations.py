"""Conversions between parameters (optimised and stored) and physical values.

    scales = exp(log_scales)            opacities = sigmoid(opacity_logits)

Alphabet: scales > 0, standard deviations in world units; opacities in 0..1. Any shape; torch tensors. Parameters are
kept finite: a scale of zero and opacities of exactly 0 and 1, which files do hold, would have none.
"""

from __future__ import annotations

import torch
from torch import Tensor

SCALE_MIN = 1e-12
"""Least scale in world units: far below any low-pass filter of a renderer, far above the least float32."""

OPACITY_MARGIN = 1e-5
"""Least distance of opacities from 0 and 1. Renderers cut off at 1/255 and 0.999, so no picture changes."""


def to_scales(log_scales: Tensor) -> Tensor:
    """Return linear scales of log scales."""
    return log_scales.exp()


def to_log_scales(scales: Tensor) -> Tensor:
    """Return log scales of linear scales. Zero and negative scales become `SCALE_MIN`; NaN stays NaN."""
    return scales.clamp(min=SCALE_MIN).log()


def to_opacities(opacity_logits: Tensor) -> Tensor:
    """Return opacities of logits."""
    return opacity_logits.sigmoid()


def to_opacity_logits(opacities: Tensor) -> Tensor:
    """Return logits of opacities, finite at 0 and 1; NaN stays NaN."""
    return torch.logit(opacities.clamp(OPACITY_MARGIN, 1 - OPACITY_MARGIN))
