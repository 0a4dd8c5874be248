"""Features in closed form: the spectral embedding of Gaussians by the masks that see them.

    A = D^-1/2 M (C/E)^1/2        A = U diag(s) V^T        features = rows of U diag(s^power), scaled to unit length

M (N,M) votes; C (M,M) diagonal, the weights of the masks; D (N,N) and E (M,M) diagonal, the row sums of M C and the
column sums of M (all a Gaussian's weighted votes, all a mask's votes).

The weight of two Gaussians as a positive pair is how often masks see both: M C E^-1 M^T, in which a mask of weight 2
counts as two equal masks. The truncated eigenvectors of
this matrix, normalised by its degrees, minimise the spectral form of the contrastive loss over these pairs, so
contrastive training would converge to them, with more noise. Raising the singular values to a power p is p/2 further
steps of a random walk gaussian -> mask -> gaussian: Gaussians join if many chains of masks join them, and masks that
contradict the majority lose their influence. All vectors of one thing then point the same way.

Source: spectral contrastive loss, HaoChen et al. 2021; diffusion time, Coifman and Lafon 2006; unit rows, Ng, Jordan
and Weiss 2002; normalisation by both degrees, Dhillon 2001.
"""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.errors import MaskError
from splatseg.features.lift.settings import EmbedSettings
from splatseg.features.lift.spectrum import right_singular_vectors
from splatseg.features.rows import blocks, gathered
from splatseg.machine import mapped
from splatseg.points import finite_rows, nearest_of
from splatseg.votes.products import VoteRows, rows_of
from splatseg.votes.votes import Votes

CLEAR_GAP = 0.75
"""A singular value below this share of the one before it marks the end of the scene's things in the spectrum."""


def embed_votes(votes: Votes, settings: EmbedSettings | None = None, means: np.ndarray | None = None) -> np.ndarray:
    """Return features (N,F) float32 with unit rows, zero if no valid mask sees the Gaussian. F = settings.dimensions.

    If there are fewer masks than dimensions the last columns are zero. means (N,3): Gaussians that no mask sees get the
    feature of the nearest one that has one (`fill_unseen`); None leaves them zero.

    Raises MaskError if no mask is left after the spurious ones are removed.

    Example:
        >>> votes = splatseg.collect_votes(scene.splats, capture.split("train"), run.masks())
        >>> splatseg.embed_votes(votes, means=scene.splats.positions).shape[1]
        64
    """
    features = gathered(voted_features(votes, settings))
    return features if means is None else fill_unseen(features, means, in_place=True)


def voted_features(
    votes: Votes, settings: EmbedSettings | None = None, means: np.ndarray | None = None
) -> VotedFeatures:
    """Return what `embed_votes` returns, a few rows at a time; the features are never in memory together.

    means (N,3) may be mapped from a file, and votes as well.

    Raises MaskError if no mask is left after the spurious ones are removed.
    """
    settings = settings or EmbedSettings()
    weights = rows_of(votes)
    values, vectors = _decomposed(votes, weights, settings)
    # U s^p = A V s^(p-1). The factor D^-1/2 of a row cancels when the row is scaled to unit length.
    power = settings.power if settings.power is not None else diffusion_time(values, settings)
    damped = np.zeros((len(vectors), settings.dimensions), dtype=np.float32)
    damped[:, : len(values)] = vectors * _powers(values, power - 1.0)
    voted = VotedFeatures(weights, damped)
    return voted if means is None else voted.filled(means)


class VotedFeatures:
    """Features (N,F) that are made of votes whenever they are asked for (`features.rows.FeatureRows`)."""

    def __init__(self, votes: VoteRows, damped: np.ndarray, sources: np.ndarray | None = None) -> None:
        """Take votes (N,M), the masks' damped vectors (M,F), and for each Gaussian whose feature it has, (N,) int32."""
        self._votes, self._damped, self._sources = votes, damped, sources
        self.shape: tuple[int, int] = (votes.shape[0], damped.shape[1])

    def rows(self, begin: int, end: int) -> np.ndarray:
        """Return rows begin to end - 1, (n,F) float32."""
        found = unit_rows(self._votes.times(self._damped, begin, end))
        if self._sources is not None:
            sources = self._sources[begin:end]
            lacking = np.flatnonzero(sources != np.arange(begin, end, dtype=np.int32))
            if len(lacking):
                found[lacking] = self._own(sources[lacking])
        return found

    def picked(self, numbers: np.ndarray) -> np.ndarray:
        """Return the rows `numbers` (n,), (n,F) float32."""
        return self._own(numbers if self._sources is None else self._sources[numbers])

    def filled(self, means: np.ndarray) -> VotedFeatures:
        """Return the features filled as `fill_unseen` fills them."""
        known = np.empty(self.shape[0], dtype=np.bool_)
        for block, features in blocks(self):
            known[block] = features.any(1)
        sources = nearest_known(known, means)
        return self if sources is None else VotedFeatures(self._votes, self._damped, sources)

    def _own(self, numbers: np.ndarray) -> np.ndarray:
        return unit_rows(self._votes.picked_times(numbers, self._damped))


_DECOMPOSED: WeakKeyDictionary[Votes, dict[EmbedSettings, tuple[np.ndarray, np.ndarray]]] = WeakKeyDictionary()
"""Decompositions of votes that still exist: it takes longest, and features of another diffusion time have the same."""


def _decomposed(votes: Votes, weights: VoteRows, settings: EmbedSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return (values (R,) falling, (C/E)^1/2 V (M,R)) of the decomposition, whatever power follows.

    Raises MaskError if no mask is left.
    """
    of_votes = _DECOMPOSED.setdefault(votes, {})
    # Power and spread come after the decomposition.
    key = replace(settings, power=None, spread=EmbedSettings.spread, max_power=EmbedSettings.max_power)
    if key not in of_votes:
        of_votes[key] = _decompose(votes, weights, settings)
    return of_votes[key]


def _decompose(votes: Votes, weights: VoteRows, settings: EmbedSettings) -> tuple[np.ndarray, np.ndarray]:
    sums_of_masks = weights.column_sums()
    lasting = _lasting_masks(votes, weights, sums_of_masks, settings)
    if not lasting.any():
        raise MaskError(
            f"all {votes.weights.shape[1]} masks are too small or too weak to tell Gaussians apart "
            f"(each owns less than {settings.min_mask_votes:g} pixels or agrees with masks of too few views); "
            "give larger masks or more views"
        )
    # A mask that is not valid has a column of zeros and adds nothing to the sums of the rows.
    columns = np.zeros(len(lasting))
    columns[lasting] = np.sqrt(votes.mask_weights[lasting]) / np.sqrt(sums_of_masks[lasting])
    rows = weights.weighted_sums(np.where(lasting, votes.mask_weights, np.float32(0.0)))
    for block in mapped.ranges(len(rows)):
        sums = rows[block]
        rows[block] = np.where(sums > 0, 1.0 / np.sqrt(np.maximum(sums, np.finfo(np.float32).tiny)), 0.0)
    rank = min(settings.dimensions, int(lasting.sum()))
    values, vectors = right_singular_vectors(weights, rows, columns, rank, settings.seed)
    return values, columns[:, None] * vectors


def diffusion_time(values: np.ndarray, settings: EmbedSettings | None = None) -> float:
    """Choose the power, 1 to `max_power`, that spreads the spectrum of singular values s (R,) as asked.

    At this power, the sum over s of (s / s_0)^(2 power) is `spread` times its value at power 1.

    The sum is the number of dimensions that still matter. It falls with the power, faster if fewer masks agree and if
    there are fewer views, so one power does not fit all scenes; one share nearly does (ARI of the segments with 0.07,
    0.10, 0.14: tabletop 0.66, 0.85, 0.82; demo 0.89, 0.88, 0.88). If the spectrum has a clear gap, the values before it
    are the things, and none of them is damped below a half.
    """
    settings = settings or EmbedSettings()
    low, high = 1.0, min(settings.max_power, _power_before_gap(values))
    target = settings.spread * float((_powers(values, 1.0) ** 2).sum())
    for _ in range(40):
        middle = 0.5 * (low + high)
        if float((_powers(values, middle) ** 2).sum()) > target:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def fill_unseen(features: np.ndarray, means: np.ndarray, in_place: bool = False) -> np.ndarray:
    """Give every Gaussian without a feature (zero row) the feature of the nearest Gaussian that has one.

    features (N,F), means (N,3) world. Inner and hidden Gaussians thus get the feature of what surrounds them. Without a
    single feature nothing changes; Gaussians whose mean is not finite keep zeros. in_place: change `features` itself,
    and return it.
    """
    check_shapes(features=(features, "N F"), means=(means, "N 3"))
    sources = nearest_known(np.asarray(features.any(1)), means)
    if sources is None:
        return features
    filled = features if in_place else features.copy()
    lacking = np.flatnonzero(sources != np.arange(len(sources), dtype=np.int32))
    filled[lacking] = features[sources[lacking]]
    return filled


def nearest_known(known: np.ndarray, means: np.ndarray) -> np.ndarray | None:
    """Return the nearest Gaussian (N,) int32 of those known (N,) bool for each of the others, itself for the known.

    In scratch memory (`machine.mapped`); None if all are known, or none. means (N,3): where they are not finite a
    Gaussian is nearest to itself.
    """
    finite = finite_rows(means)
    known = known & finite
    lacking = ~known & finite
    if not known.any() or not lacking.any():
        return None
    nearest = nearest_of(means, known)
    sources = mapped.scratch(len(known), np.int32)
    for block in mapped.ranges(len(known)):
        sources[block] = np.arange(block.start, block.stop, dtype=np.int32)
        own = block.start + np.flatnonzero(lacking[block])
        if len(own):
            sources[own] = nearest(means[own])
        mapped.release(means, sources)
    return sources


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Scale rows (N,F) to unit length, in place; rows of zeros stay zero. Returns the rows."""
    lengths = np.sqrt(np.einsum("nf,nf->n", rows, rows))
    scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > np.finfo(np.float32).tiny)
    rows *= scale[:, None]
    return rows


def _lasting_masks(votes: Votes, rows: VoteRows, sums: np.ndarray, settings: EmbedSettings) -> np.ndarray:
    """Return (M,) bool: masks heavy enough and not in a tiny component of masks (which would cost a dimension).

    sums (M,): all votes of each mask.
    """
    heavy = sums >= settings.min_mask_votes
    component = rows.joined_masks(heavy, settings.min_edge_share)
    # Distinct pairs of a component and a view: counting a component's pairs counts its views.
    in_view = np.unique(np.stack([component, votes.view_of]), axis=1)
    views = np.bincount(in_view[0], minlength=len(heavy))
    enough = min(settings.min_component_views, len(votes.views))
    lasting: np.ndarray = heavy & (views[component] >= enough)
    return lasting


def _powers(values: np.ndarray, power: float) -> np.ndarray:
    # Relative to the largest value, so that no power makes all of them underflow.
    return (values / max(float(values.max(initial=0.0)), 1e-12)) ** power


def _power_before_gap(values: np.ndarray) -> float:
    """Return the power at which the last value before a clear gap is half the first; infinite without such a gap."""
    relative = _powers(values, 1.0)
    ratios = relative[1:] / np.maximum(relative[:-1], 1e-12)
    if len(ratios) == 0 or ratios.min() >= CLEAR_GAP:
        return np.inf
    last = float(relative[int(ratios.argmin())])
    return max(np.log(0.5) / np.log(last), 1.0) if last < 1.0 else np.inf
