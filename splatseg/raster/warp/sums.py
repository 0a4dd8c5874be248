"""Sums over pixels for each Gaussian: the transpose of blending, and the whole gradient.

A tile sums what its pixels say of 16 Gaussians at a time, as a product of matrices: weights (16, pixels) by values
(pixels, channels). Each sum goes to a slot of its own, and a Gaussian's slots are added up in order: no atomics, so the
same input gives the same bits, on a card, too.

The gradient by geometry needs sums of G = dL/dsigma and of G times the pixel's place and its products, which again is a
product of matrices; moments about the tile's middle are moved to the Gaussian's mean afterwards.
"""

from __future__ import annotations

from torch import Tensor

from splatseg.raster.warp.kernels.gradient import differentiator
from splatseg.raster.warp.kernels.projection import Flat
from splatseg.raster.warp.kernels.summing import gatherer, spreader
from splatseg.raster.warp.kernels.walking import THREADS, float_vector
from splatseg.raster.warp.lists import Prepared
from splatseg.raster.warp.runtime import array, launch, launch_tiles


def accumulate(prepared: Prepared, values: Tensor) -> Tensor:
    """Sum values (H,W,C) by blending weight: (N,C)."""
    channels = values.shape[2]
    device = values.device
    said = values.new_zeros(len(prepared.owners), channels)
    kernel = spreader(channels)
    inputs = [*prepared.lists, array(values.flatten(0, 1), float_vector(channels)), array(said)]
    launch_tiles(kernel, prepared.tiles, THREADS, inputs, device)
    return gather(prepared, said)


def gather(prepared: Prepared, said: Tensor) -> Tensor:
    """Add up each Gaussian's slots (E,C) in order: (N,C)."""
    channels = said.shape[1]
    sums = said.new_empty(len(prepared.order), channels)
    kernel, kind = gatherer(channels), float_vector(channels)
    inputs = [array(prepared.order), array(prepared.ends), array(said, kind), array(sums, kind)]
    launch(kernel, len(prepared.order), inputs, said.device)
    return sums


def blend_gradients(
    prepared: Prepared, features: Tensor, behind: Tensor, walked: Tensor, by_blended: Tensor, by_alphas: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradients by features (N,C) and by Gaussians on screen (N,6).

    features (N,C); behind, walked: transmittances and numbers of entries (H,W) of the forward; by_blended (H,W,C) and
    by_alphas (H,W): gradients of the loss.
    """
    channels, entries = features.shape[1], len(prepared.owners)
    kind = float_vector(channels)
    said, by_flat = features.new_zeros(entries, channels), features.new_zeros(entries, 6)
    inputs = [*prepared.lists, array(features, kind), array(behind.flatten()), array(walked.flatten())]
    inputs += [array(by_blended.flatten(0, 1), kind), array(by_alphas.flatten()), array(said), array(by_flat, Flat)]
    launch_tiles(differentiator(channels), prepared.tiles, THREADS, inputs, features.device)
    return gather(prepared, said), gather(prepared, by_flat)
