"""Vector quantisation: palettes by k-means, as compressed formats store them.

Alphabet: N vectors of D components; a palette of at most K entries (K,D) and the label (N,) of each vector, the index
of its entry. A palette of 65,536 entries for a million vectors is beyond plain k-means, which compares all with all.
Here the vectors are split into at most `BRANCHES` groups, the entries are divided among the groups by their squared
distances to their centre, and each group is treated in the same way. That costs N x BRANCHES x depth comparisons and
loses little, because a vector's nearest entry is nearly always in its own group.

`codebook` is for numbers (D = 1), for which a histogram is enough. Deterministic.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BRANCHES = 256
"""Most groups into which a group is split."""

K_MEANS_ROUNDS = 5
"""Rounds of k-means in a group. Most of the gain comes in the first few."""

VECTORS_A_CENTRE = 64
"""Vectors for each branch in the sample that finds the centres of a large group."""

BLOCK = 1 << 14
"""Vectors compared at once: their distances to all branches stay in the cache."""

BINS = 4096
"""Bins of the histogram from which a codebook starts."""


def palette(vectors: Tensor, size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return at most `size` entries (K,D) float32 for vectors (N,D), N > 0, and the label (N,) int64 of each vector."""
    assert size > 0 and len(vectors) > 0, "a palette has entries, of vectors"
    generator = torch.Generator().manual_seed(seed)
    entries: list[Tensor] = []
    labels = torch.empty(len(vectors), dtype=torch.int64)
    # Groups of vectors, each with the number of entries it may have; a group with more than BRANCHES is split first.
    groups, count = [(torch.arange(len(vectors)), size)], 0
    while groups:
        rows, share = groups.pop()
        inside = vectors[rows].float()
        if len(rows) <= share:
            entries.append(inside)
            labels[rows] = count + torch.arange(len(rows))
            count += len(rows)
            continue
        centres, nearest = _k_means(inside, min(share, BRANCHES), generator)
        if share <= BRANCHES:
            entries.append(centres)
            labels[rows] = count + nearest
            count += len(centres)
            continue
        errors = torch.zeros(len(centres)).index_add_(0, nearest, (inside - centres[nearest]).square().sum(1))
        sizes = torch.bincount(nearest, minlength=len(centres))
        shares = _shares(errors.double(), sizes, share)
        # Rows sorted by centre, split where the centre changes.
        parts = torch.split(rows[nearest.argsort(stable=True)], sizes.tolist())
        groups += [(part, own) for part, own in zip(parts, shares, strict=True) if len(part)]
    return torch.cat(entries), labels


def codebook(values: np.ndarray, size: int = 256) -> np.ndarray:
    """Return ascending numbers (size,) float32 that represent finite values (any shape) with little squared error.

    Half of the entries are even over the range, so that no value is further from its entry than range / size; half are
    as dense as the cube root of the values' density, which is optimal for many entries (Panter, Dite 1951). If there
    are at most `size` different values, each is an entry of its own.
    """
    unique = np.unique(values)
    if len(unique) <= size:
        return np.pad(unique, (0, size - len(unique)), mode="edge").astype(np.float32)
    histogram, edges = np.histogram(values, BINS)
    density = np.cbrt(histogram)
    mass = np.concatenate([[0.0], np.cumsum(density / density.sum() + 1 / BINS)])
    # Entries at equal steps of a mass: half of it is even over the range (1 / BINS a bin), half follows the density.
    codebook: np.ndarray = np.interp((np.arange(size) + 0.5) / size * mass[-1], mass, edges).astype(np.float32)
    return codebook


def nearest_in(book: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the index, uint8, of the nearest number of an ascending codebook (at most 256,) for each value."""
    return np.searchsorted((book[1:] + book[:-1]) / 2, values).astype(np.uint8)


def _k_means(vectors: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return centres (count,D) of vectors (N,D), N > count, and the nearest centre (N,) of each; large N is sampled."""
    shuffled = torch.randperm(len(vectors), generator=generator)
    sample = vectors[shuffled[: VECTORS_A_CENTRE * count]]
    centres = sample[:count].clone()
    for _ in range(K_MEANS_ROUNDS):
        nearest = _nearest(sample, centres)
        sums = torch.zeros_like(centres).index_add_(0, nearest, sample)
        counts = torch.bincount(nearest, minlength=count)[:, None]
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    return centres, _nearest(vectors, centres)


def _nearest(vectors: Tensor, centres: Tensor) -> Tensor:
    """Return the index (N,) of the centre nearest to each vector: least |c|^2 - 2 x.c."""
    squares = centres.square().sum(1)
    blocks = [torch.addmm(squares, block, centres.T, alpha=-2).argmin(1) for block in vectors.split(BLOCK)]
    return torch.cat(blocks)


def _shares(errors: Tensor, sizes: Tensor, size: int) -> list[int]:
    """Divide `size` entries among groups: one each, and more in proportion to its error, but at most one a vector."""
    shares = (sizes > 0).long()
    while (spare := size - int(shares.sum())) > 0:
        weights = torch.where(shares < sizes, errors, 0.0)
        more = (spare * weights / weights.sum().clamp(min=1e-300)).floor().long()
        if not more.any():
            break
        shares = torch.minimum(shares + more, sizes)
    return shares.tolist()
