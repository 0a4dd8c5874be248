"""The contrastive clustering loss of Contrastive Gaussian Clustering (arXiv 2404.12784), as its official code has it.

    f_q      = rendered feature of pixel q over its norm                    c_p = mean of f_q over pixels q of segment p
    phi_p    = clip(10 * sum_q |f_q - c_p| / (n_p log(n_p + 100)), 0.1, 1)  a constant for the gradient
    loss     = - weight * mean_p sum_{q in p} log( exp(f_q . c_p / phi_p) / (sum_s exp(f_q . c_s / phi_s) + 1e-6) )

Alphabet: P pixels, F channels, S segments of one view with more than `min_pixels` pixels; features (P,F) as blended;
labels (P,) with 0 = none; centroids c (S,F), not normalised again; temperatures phi (S,); counts n (S,).

There is no loop over segments: sums over segments are scattered adds, and the loss with its gradient is one pass over
the (P,S) logits in pieces, so memory does not grow with P * S.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from splatseg.arrays import check_shapes
from splatseg.features.paper.settings import PaperSettings

DENOMINATOR_OFFSET = 1e-6
"""Added to the denominator of the softmax, as in the official code."""
LOGITS_AT_ONCE = 1 << 20
"""Elements of the (pixels, S) table held at once; it then stays in the cache of a core or two."""


def clustering_loss(features: Tensor, labels: Tensor, settings: PaperSettings) -> Tensor:
    """Return the scalar loss of blended features (P,F) and the segment of each pixel (P,), 0 = none.

    Differentiable in features. Zero, with a zero gradient, if no segment has more than `settings.min_pixels` pixels.
    """
    check_shapes(features=(features, "P F"), labels=(labels, "P"))
    pixels, segments, counts = segment_pixels(labels, settings.min_pixels)
    if len(counts) == 0:
        return features.sum() * 0.0
    # The gradient of index_select is summed in order, that of features[pixels] in any: runs must be repeatable.
    unit = torch.nn.functional.normalize(features.index_select(0, pixels), dim=1)
    centroids = segment_means(unit, segments, counts)
    phi = temperatures(unit.detach(), centroids.detach(), segments, counts, settings)
    loss: Tensor = _LogSoftmaxSum.apply(unit, centroids / phi[:, None], segments)
    return settings.clustering_weight / len(counts) * loss


def segment_pixels(labels: Tensor, min_pixels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return pixels (Q,) int64 in segments of more than `min_pixels`, their segment (Q,) in 0..S-1, and counts (S,)."""
    ids, inverse, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    kept = (ids != 0) & (counts > min_pixels)
    renumbered = torch.cumsum(kept, 0) - 1
    pixels = kept[inverse].nonzero()[:, 0]
    return pixels, renumbered[inverse[pixels]], counts[kept]


def segment_means(values: Tensor, segments: Tensor, counts: Tensor) -> Tensor:
    """Return the means (S,F) of values (Q,F) over the pixels of each segment. Differentiable in values."""
    sums = values.new_zeros(len(counts), values.shape[1]).index_add(0, segments, values)
    return sums / counts[:, None]


def temperatures(unit: Tensor, centroids: Tensor, segments: Tensor, counts: Tensor, settings: PaperSettings) -> Tensor:
    """Return phi (S,): the limited spread of the unit features (Q,F) of each segment about their centroid (S,F)."""
    distances = torch.linalg.vector_norm(unit - centroids[segments], dim=1)
    sums = unit.new_zeros(len(counts)).index_add_(0, segments, distances)
    n = counts.to(unit.dtype)
    phi = settings.temperature_scale * sums / (n * torch.log(n + settings.temperature_offset))
    return phi.clamp(settings.temperature_min, settings.temperature_max)


class _LogSoftmaxSum(torch.autograd.Function):
    """- sum_q log( exp(z_qp) / (sum_s exp(z_qs) + 1e-6) ), z = unit @ prototypes^T, p the segment of pixel q.

    The gradient by z is (exp(z_qs) / denominator_q - [s = p]); it is multiplied out in the same pass as the loss.
    """

    apply: ClassVar[Callable[..., Tensor]]

    @staticmethod
    def forward(ctx: Any, unit: Tensor, prototypes: Tensor, segments: Tensor) -> Tensor:
        grad_unit, grad_prototypes = torch.empty_like(unit), torch.zeros_like(prototypes)
        total = unit.new_zeros((), dtype=torch.float64)
        rows = max(1, LOGITS_AT_ONCE // len(prototypes))
        for start in range(0, len(unit), rows):
            piece, own = unit[start : start + rows], segments[start : start + rows, None]
            # |f| = 1, |c| <= 1 and phi >= 0.1 keep the logits within +-10: exp needs no shift by the maximum.
            logits = piece @ prototypes.T
            total -= logits.gather(1, own).sum(dtype=torch.float64)
            powers = logits.exp_()
            denominators = powers.sum(1, keepdim=True).add_(DENOMINATOR_OFFSET)
            total += denominators.log().sum(dtype=torch.float64)
            grad = powers.div_(denominators)
            grad.scatter_add_(1, own, torch.full_like(own, -1, dtype=unit.dtype))
            torch.mm(grad, prototypes, out=grad_unit[start : start + rows])
            grad_prototypes.addmm_(grad.T, piece)
        ctx.save_for_backward(grad_unit, grad_prototypes)
        return total.to(unit.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        grad_unit, grad_prototypes = ctx.saved_tensors
        return grad * grad_unit, grad * grad_prototypes, None
