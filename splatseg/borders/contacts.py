"""Heights of contacts: how different the superpixels are, in all views, in which two touching Gaussians lie.

    region_v(i) = the superpixel of view v in which most of Gaussian i is        weight_v(i) = pixels of i in view v
    height(i, j) = sum_v w_v h_v(region_v(i), region_v(j)) / sum_v w_v           w_v = min(weight_v(i), weight_v(j))

h_v is the mean of the view's trees. Kept as sums, so that the contacts of two sets are those of their members added up.

Alphabet: N Gaussians; V views; E contacts, each pair of Gaussians once; T trees of a view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.borders.join_heights import gaps_of
from splatseg.borders.superpixels import Borders
from splatseg.votes.products import rows_of
from splatseg.votes.votes import Votes


@dataclass(frozen=True, eq=False)
class Contacts:
    """Pairs that touch, Gaussians or sets of them, with additive sums."""

    ends: np.ndarray
    """(E,2) int32, the lower number first, sorted; each pair once."""

    heights: np.ndarray
    """(E,) float64: sums of w_v h_v."""

    weights: np.ndarray
    """(E,) float64: sums of w_v, pixels."""

    def where(self, chosen: np.ndarray) -> Contacts:
        """Return those of the contacts that are chosen (E,) bool."""
        return Contacts(self.ends[chosen], self.heights[chosen], self.weights[chosen])

    def joined(self, names: np.ndarray) -> Contacts:
        """Return the contacts of the sets that `names` (N,) gives every end, without those inside a set."""
        ends = names[self.ends].astype(np.int64)
        keep = np.flatnonzero((ends[:, 0] != ends[:, 1]) & (ends >= 0).all(1))
        low, high = ends[keep].min(1), ends[keep].max(1)
        width = int(names.max(initial=0)) + 1
        pairs, place = np.unique(low * width + high, return_inverse=True)
        both = np.stack([pairs // width, pairs % width], axis=1).astype(np.int32)
        sums = [np.bincount(place, values[keep], len(pairs)) for values in (self.heights, self.weights)]
        return Contacts(both, sums[0], sums[1])


def contacts_of(borders: Borders, touching: tuple[np.ndarray, np.ndarray]) -> Contacts:
    """Return the contacts of Gaussians that touch: rows and cols (E',) of pairs, each once or twice."""
    count = len(borders.votes.seen)
    low, high = np.minimum(*touching).astype(np.int64), np.maximum(*touching).astype(np.int64)
    pairs = np.unique(low * count + high)
    ends = np.stack([pairs // count, pairs % count], axis=1).astype(np.int32)
    regions, weights = _regions_of(borders.votes)
    heights, trees = np.zeros((0, 0)), 0
    totals = np.zeros(len(ends))
    for view, name in enumerate(borders.votes.views):
        places, gaps = gaps_of(borders.superpixels.trees(name))
        if not trees:
            heights, trees = np.zeros((len(ends), len(places))), len(places)
        _native.add_contacts(places, gaps, regions[view], weights[view], ends, heights, totals, torch.get_num_threads())
    return Contacts(ends, heights.sum(1) / max(trees, 1), totals)


def _regions_of(votes: Votes) -> tuple[np.ndarray, np.ndarray]:
    """Return (superpixel (V,N) int32 that has most of every Gaussian, -1 = unseen; pixels (V,N) float32)."""
    shape = (len(votes.views), len(votes.seen))
    regions, weights = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
    begin = 0
    for rows in rows_of(votes).as_scipy():
        numbers = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        views = votes.view_of[rows.indices]
        # Columns of a view stand together, so the votes of a Gaussian in a view follow one another.
        changes = (numbers[1:] != numbers[:-1]) | (views[1:] != views[:-1])
        starts = np.flatnonzero(np.concatenate([[len(numbers) > 0], changes])[: len(numbers)])
        if len(starts):
            lengths = np.diff(np.append(starts, len(numbers)))
            hits = np.flatnonzero(rows.data == np.repeat(np.maximum.reduceat(rows.data, starts), lengths))
            first = hits[np.searchsorted(hits, starts)]  # of equal ones the lowest
            place = (views[starts], begin + numbers[starts])
            regions[place] = votes.id_of[rows.indices[first]] - 1
            weights[place] = np.add.reduceat(rows.data, starts)
        begin += rows.shape[0]
    return regions, weights
