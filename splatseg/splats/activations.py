"""Conversions between parameters (optimised and stored) and physical values.

    scales = exp(log_scales)            opacities = sigmoid(opacity_logits)

Alphabet: scales > 0, standard deviations in world units; opacities in 0..1. Any shape; torch tensors. Parameters are
kept finite: a scale of zero and opacities of exactly 0 and 1, which files do hold, would have none. Files that hold the
infinite parameters themselves are taken in the same way, by the same limits.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SCALE_MIN = 1e-12
"""Least scale in world units: far below any low-pass filter of a renderer, far above the least float32."""

SCALE_MAX = 1e12
"""Largest scale in world units: beyond any scene, and its square is far below the largest float32."""

OPACITY_MARGIN = 1e-5
"""Least distance of opacities from 0 and 1. Renderers cut off at 1/255 and 0.999, so no picture changes."""


def to_scales(log_scales: Tensor) -> Tensor:
    """Return linear scales of log scales."""
    return log_scales.exp()


def to_log_scales(scales: Tensor) -> Tensor:
    """Return log scales of linear scales, within `SCALE_MIN` and `SCALE_MAX`; NaN stays NaN."""
    return scales.clamp(SCALE_MIN, SCALE_MAX).log()


def to_opacities(opacity_logits: Tensor) -> Tensor:
    """Return opacities of logits."""
    return opacity_logits.sigmoid()


def to_opacity_logits(opacities: Tensor) -> Tensor:
    """Return logits of opacities, finite at 0 and 1; NaN stays NaN."""
    return torch.logit(opacities.clamp(OPACITY_MARGIN, 1 - OPACITY_MARGIN))


def with_finite_scales(log_scales: Tensor) -> Tensor:
    """Return log scales of which those that are infinite, or infinite as scales, are at the limits; NaN stays NaN."""
    low, high = math.log(SCALE_MIN), math.log(SCALE_MAX)
    bounded = torch.where(log_scales.exp().isinf(), high, log_scales)
    return torch.where(log_scales == -math.inf, low, bounded)


def with_finite_logits(opacity_logits: Tensor) -> Tensor:
    """Return logits of opacities of which those that are infinite are at `OPACITY_MARGIN`; NaN stays NaN."""
    limit = math.log1p(-OPACITY_MARGIN) - math.log(OPACITY_MARGIN)
    return torch.where(opacity_logits.isinf(), opacity_logits.clamp(-limit, limit), opacity_logits)
