"""Moments of Adam in 16 bits, which halves the memory of a fit that parameters do not take.

    first: the upper 16 bits of a float32: sign, 8 bits of exponent, 7 of mantissa
    second: the 16 bits below its sign, which it does not have: 8 bits of exponent, 8 of mantissa

Both are int16 tensors of bits. A step of Adam, in native/image/adam.h, computes with float32 and rounds at random, by a
hash of place and step. Here is what old checkpoints and tests need.
"""

from __future__ import annotations

import torch
from torch import Tensor

Moments = tuple[Tensor, Tensor]
"""First and second moments: both float32, or both packed, int16."""


def packed(moments: Moments) -> Moments:
    """Return moments in 16 bits, rounded to the nearest; packed ones as they are."""
    first, second = moments
    return moments if first.dtype == torch.int16 else (_upper(first, 16), _upper(second, 15))


def unpacked(moments: Moments) -> Moments:
    """Return moments in float32, exactly; those that are as they are."""
    first, second = moments
    if first.dtype != torch.int16:
        return moments
    return (first.int() << 16).view(torch.float32), ((second.int() & 0xFFFF) << 15).view(torch.float32)


def _upper(values: Tensor, dropped: int) -> Tensor:
    bits = values.detach().contiguous().view(torch.int32)
    return ((bits + (1 << (dropped - 1))) >> dropped).to(torch.int16)
