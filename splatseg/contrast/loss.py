"""The contrastive loss of pixels against prototypes, the same whatever the resolution and the number of masks.

    z_qk  = f_q . c_k / temperature + log s_k                 own prototype k = o(q): without log s_k
    p_q   = exp(z_qo) / (exp(z_qo) + sum of exp(z_qk) over prototypes k that are not related to o)
    loss  = sum_m w_m mean_{q in m} (1 - p_q^d) / d / sum_m w_m              d -> 0: -log p_q

f_q unit feature of a pixel, c_k unit prototype, s_k its standing: a prototype few views agree with hardly pushes. A
prototype related to the pixel's own (a part and its whole) is in no denominator: levels are not told apart. d is how
far pixels that look like another prototype are discounted: their gradient is that of the logarithm times p_q^d. All is
multiplied by the temperature, so that gradients are about 1 whatever it is.

Alphabet: P pixels, F channels, K prototypes, M masks.

Source: prototypes as in PCL (Li et al. 2021); generalised cross-entropy, Zhang and Sabuncu 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor

from splatseg.arrays import check_shapes


def prototype_loss(
    unit: Tensor,
    prototypes: Tensor,
    own: Tensor,
    shares: Tensor,
    biases: Tensor,
    temperature: float,
    discount: float,
) -> Tensor:
    """Scalar loss of unit features (P,F) against prototypes (K,F). Differentiable in both.

    own (P,) int64, each pixel's prototype; shares (P,), what each pixel counts (`pixel_shares`); biases (K,K), row o
    added to the logits of pixels of prototype o (`pair_biases`).
    """
    check_shapes(unit=(unit, "P F"), prototypes=(prototypes, "K F"), own=(own, "P"), shares=(shares, "P"))
    check_shapes(prototypes=(prototypes, "K F"), biases=(biases, "K K"))
    if len(unit) == 0:
        return unit.sum() * 0.0
    logits = unit @ prototypes.T / temperature + biases[own]
    log_p = logits.gather(1, own[:, None])[:, 0] - torch.logsumexp(logits, dim=1)
    losses = -log_p if discount == 0 else -torch.expm1(discount * log_p) / discount
    return temperature * (losses * shares).sum()


def pair_biases(standing: Tensor, related: Tensor) -> Tensor:
    """(K,K) log of how much each prototype (column) pushes pixels of another (row): 0 its own, -inf those related.

    standing (K,) in 0..1; related (K,K) bool.
    """
    biases = standing.log()[None].repeat(len(standing), 1)
    biases[related] = -torch.inf
    return biases.fill_diagonal_(0.0)


def pixel_shares(masks: Tensor, weights: Tensor) -> Tensor:
    """(P,) what a pixel counts, 1 in all: masks share by their weights, and the pixels of a mask share alike.

    masks (P,) int64; weights (M,), by mask. Zeros if no mask has a weight.
    """
    counts = torch.bincount(masks, minlength=len(weights))
    present = weights * (counts > 0)
    total = present.sum()
    if total <= 0:
        return torch.zeros(len(masks), dtype=weights.dtype)
    return (present / total / counts.clamp(min=1))[masks]
