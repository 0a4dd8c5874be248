"""Conversions between parameters (optimised and stored) and physical values.

    scales = exp(log_scales)            opacities = sigmoid(opacity_logits)            rgb = 0.5 + Y0 sh0

Alphabet: scales > 0, standard deviations in world units; opacities in 0..1; sh0 the constant coefficients of colours.
Any shape; torch tensors, and where it is said NumPy arrays: this module does not import torch, so that facts of a file
can be told without it. Parameters are kept finite: a scale of zero and opacities of exactly 0 and 1, which files do
hold, would have none. Files that hold the infinite parameters themselves are taken in the same way, by the same limits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Values = TypeVar("Values", "Tensor", np.ndarray)

Y0 = math.sqrt(1 / (4 * math.pi))
"""The constant one of the spherical harmonics, 0.2820948."""

SCALE_MIN = 1e-12
"""Least scale in world units: far below any low-pass filter of a renderer, far above the least float32."""

SCALE_MAX = 1e12
"""Largest scale in world units: beyond any scene, and its square is far below the largest float32."""

OPACITY_MARGIN = 1e-5
"""Least distance of opacities from 0 and 1. Renderers cut off at 1/255 and 0.999, so no picture changes."""


LEAST_LOGIT = -80.0
"""Logits below are as good as this one, and so have no gradient: exp(80) is within float32, and exp(89) is not."""


def to_scales(log_scales: Tensor) -> Tensor:
    """Return linear scales of log scales."""
    return log_scales.exp()


def to_log_scales(scales: Tensor) -> Tensor:
    """Return log scales of linear scales, within `SCALE_MIN` and `SCALE_MAX`; NaN stays NaN."""
    return scales.clamp(SCALE_MIN, SCALE_MAX).log()


def to_opacities(opacity_logits: Tensor) -> Tensor:
    """Return opacities of logits: 1 / (1 + exp(-logit)), differentiable. The same bits on any number of threads."""
    # Not torch's sigmoid: it rounds otherwise at the end of what each thread has, when it divides 32,768 or more.
    return (1.0 + (-opacity_logits.clamp(min=LEAST_LOGIT)).exp()).reciprocal()


def to_opacity_logits(opacities: Tensor) -> Tensor:
    """Return logits of opacities, finite at 0 and 1; NaN stays NaN."""
    return opacities.clamp(OPACITY_MARGIN, 1 - OPACITY_MARGIN).logit()


def to_sh0(rgb: Values) -> Values:
    """Return the constant coefficients of colours in 0..1, tensors or arrays of any shape."""
    return (rgb - 0.5) / Y0


def are_huge(log_scales: np.ndarray) -> np.ndarray:
    """Tell of every log scale whether it is infinite as a scale, in float32."""
    with np.errstate(over="ignore"):
        huge: np.ndarray = np.isinf(np.exp(log_scales))
    return huge


def with_finite_scales(log_scales: np.ndarray) -> np.ndarray:
    """Return log scales, an array, of which those without a finite scale above 0 are at the limits; NaN stays NaN."""
    low, high = math.log(SCALE_MIN), math.log(SCALE_MAX)
    return np.where(log_scales == -math.inf, low, np.where(are_huge(log_scales), high, log_scales))


def with_finite_logits(opacity_logits: np.ndarray) -> np.ndarray:
    """Return logits of opacities, an array, of which those that are infinite are at `OPACITY_MARGIN`."""
    limit = math.log1p(-OPACITY_MARGIN) - math.log(OPACITY_MARGIN)
    return np.where(np.isinf(opacity_logits), np.clip(opacity_logits, -limit, limit), opacity_logits)
