"""The contrastive loss of pixels against prototypes; its scale does not depend on resolution or number of masks.

    z_qk  = f_q . c_k / temperature + log s_k                 own prototype k = o(q): without log s_k
    p_q   = exp(z_qo) / (exp(z_qo) + sum of exp(z_qk) over prototypes k that are not related to o)
    loss  = sum_m w_m mean_{q in m} (1 - p_q^d) / d / sum_m w_m              d -> 0: -log p_q

f_q unit feature of a pixel, c_k unit prototype, s_k its standing: a prototype that few views agree with hardly pushes.
A prototype related to the pixel's own (a part and its whole) is in no denominator: levels are not separated. d
discounts pixels that look like another prototype: their gradient is that of the logarithm times p_q^d. The loss is
multiplied by the temperature, so that gradients are about 1 at any temperature.

Alphabet: P pixels, F channels, K prototypes, M masks.

Source: prototypes as in PCL (Li et al. 2021); generalised cross-entropy, Zhang and Sabuncu 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from splatseg.arrays import check_shapes

LOGITS_AT_ONCE = 1 << 14
"""Elements of the (pixels, K) table held at once."""


def prototype_loss(
    unit: Tensor,
    prototypes: Tensor,
    own: Tensor,
    shares: Tensor,
    biases: Tensor,
    temperature: float,
    discount: float,
) -> Tensor:
    """Return the scalar loss of unit features (P,F) against prototypes (K,F). Differentiable in both.

    own (P,) int64, each pixel's prototype; shares (P,), the weight of each pixel (`pixel_shares`); biases (K,K), row o
    is added to the logits of pixels of prototype o (`pair_biases`).
    """
    check_shapes(unit=(unit, "P F"), prototypes=(prototypes, "K F"), own=(own, "P"), shares=(shares, "P"))
    check_shapes(prototypes=(prototypes, "K F"), biases=(biases, "K K"))
    loss: Tensor = _PrototypeLoss.apply(unit, prototypes, own, shares, biases, temperature, discount)
    return loss


class _PrototypeLoss(torch.autograd.Function):
    """The loss and its gradient in one pass over rows.

    The gradient by z_qk is share_q p_q^d (p_qk - [k = o]) times the temperature.

    A piece is so small that torch does not divide it among threads: otherwise the ends of each thread's part would be
    computed by other instructions, and the last bit of an exponential would depend on the number of threads.
    """

    apply: ClassVar[Callable[..., Tensor]]

    @staticmethod
    def forward(
        ctx: Any,
        unit: Tensor,
        prototypes: Tensor,
        own: Tensor,
        shares: Tensor,
        biases: Tensor,
        temperature: float,
        discount: float,
    ) -> Tensor:
        grad_unit, grad_prototypes = torch.zeros_like(unit), torch.zeros_like(prototypes)
        total = unit.new_zeros((), dtype=torch.float64)
        rows = max(1, LOGITS_AT_ONCE // max(len(prototypes), 1))
        for start in range(0, len(unit), rows):
            piece = slice(start, start + rows)
            o, share = own[piece, None], shares[piece, None]
            logits = torch.addmm(biases[own[piece]], unit[piece], prototypes.T, alpha=1.0 / temperature)
            log_p = logits.log_softmax(dim=1)
            own_log = log_p.gather(1, o)
            losses = -own_log if discount == 0 else torch.expm1(discount * own_log) / -discount
            total += temperature * (losses * share).sum(dtype=torch.float64)
            grad = log_p.exp().scatter_add_(1, o, torch.full_like(own_log, -1.0))
            grad *= share * torch.exp(discount * own_log)
            grad_unit[piece] = grad @ prototypes
            grad_prototypes.addmm_(grad.T, unit[piece])
        ctx.save_for_backward(grad_unit, grad_prototypes)
        return total.to(unit.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_unit, grad_prototypes = ctx.saved_tensors
        return grad * grad_unit, grad * grad_prototypes, None, None, None, None, None


def pair_biases(standing: Tensor, related: Tensor) -> Tensor:
    """Return (K,K): log of the push of each prototype (column) on pixels of another (row).

    0 for the pixel's own prototype, -inf for related ones. standing (K,) in 0..1; related (K,K) bool.
    """
    biases = standing.log()[None].repeat(len(standing), 1)
    biases[related] = -torch.inf
    return biases.fill_diagonal_(0.0)


def pixel_shares(masks: Tensor, weights: Tensor) -> Tensor:
    """Return the weight (P,) of each pixel, 1 in total: masks share by their weights, the pixels of a mask equally.

    masks (P,) int64; weights (M,), by mask. Zeros if no mask has a weight.
    """
    counts = torch.bincount(masks, minlength=len(weights))
    present = weights * (counts > 0)
    total = present.sum()
    if total <= 0:
        return torch.zeros(len(masks), dtype=weights.dtype)
    return (present / total / counts.clamp(min=1))[masks]
