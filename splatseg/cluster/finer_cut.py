"""Atoms cut once more, where the masks explain their parts better than the whole.

The features that segments are made of have diffused far (`features.lift`): chains of masks that contradict one another
lose their influence, and so do small differences. Masks that show a row of jars as one thing *and* each jar by itself
join all jars within a thousandth of a cosine, closer than one prototype reaches, so no cut of that tree separates them.
Features that have diffused less still tell them apart, but let masks that are merely wrong break things too. So they
decide nothing but where an atom may be cut, and the masks of all views decide whether:

    value(node) = max(support(node) * mass(node)^MASS_EXPONENT, value(left) + value(right))

on a tree of the finer features within each atom. With the mass itself this would be the best explanation of what is
seen; with its root, as in `cut_by_support`, parts outweigh a whole that is hardly better supported. It is judged atom
by atom, so noise in one place costs nothing in another.

Alphabet: N Gaussians, n of them known; F features; G groups, Gaussians of one atom and one finer prototype.

Source: ours; a cut within clusters of a coarser diffusion time, as in multiscale diffusion (Coifman and Lafon 2006).
"""

from __future__ import annotations

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.cluster.coreset import Covering, GroupMeans, cover, groups_of, nearest_by_blocks
from splatseg.cluster.cut_by_support import supported_cut
from splatseg.cluster.labels import Known, looked_up
from splatseg.cluster.linkage import average_linkage
from splatseg.cluster.settings import ClusterSettings
from splatseg.errors import MaskError
from splatseg.features.lift.embed import VotedFeatures, voted_features
from splatseg.features.lift.settings import EmbedSettings
from splatseg.features.rows import FeatureRows, as_rows
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes

SPREAD = 0.4
"""Spread of the spectrum of the finer features, four times the usual (`EmbedSettings.spread`) [0.25, 0.4, 1 for all
features, no second cut: clicks on the family's desk with masks_sam 0.837, 0.847, 0.835 of the ceiling, toys 0.978 with
each, kitchenette 0.903, 0.900, 0.882; all were looked at, none was kept aside]."""

MASS_EXPONENT = 0.8
"""Exponent of the mass [1, 0.8, 0.6: best node of the family with masks_sam 0.947, 0.979, 0.983 of the ceiling, clicks
0.946, 0.973, 0.966; with 30 % of the masks dropped 0.876, 0.925, 0.924]."""

COVER_SIMILARITY = 0.97
"""Least similarity of a Gaussian to its finer prototype: groups need only be finer than things."""


def finer_features(votes: Votes, means: np.ndarray, seed: int) -> VotedFeatures | None:
    """Return unit features (N,F) that have diffused little, for means (N,3); None if masks do not suffice for any."""
    try:
        return voted_features(votes, EmbedSettings(spread=SPREAD, seed=seed), means)
    except MaskError:
        # Masks of a few pixels or views, which other features (contrast) may still have been made of.
        return None


def finer_cut(
    label: np.ndarray, known: Known, finer: FeatureRows | np.ndarray, agreement: Agreement, settings: ClusterSettings
) -> np.ndarray:
    """Return the cluster index (n,) int32 of the n known Gaussians, each cluster of label (n,) >= 0 whole or cut.

    finer (N,F) are unit features of all Gaussians.
    """
    check_shapes(label=(label, f"{known.count}"), finer=(as_rows(finer), f"{agreement.gaussians} F"))
    covering = cover(known.some(as_rows(finer)), COVER_SIMILARITY, settings.max_prototypes, settings.seed)
    pairs, group, means, sizes = _grouped(label, known.some(as_rows(finer)), covering)
    tallies = agreement.tallies_of(known.spread(group, -1), len(pairs))
    part, count = np.zeros(len(pairs), dtype=np.int32), 0
    for own in groups_of(pairs // len(covering.prototypes)):  # the pairs of one cluster
        merges, _ = average_linkage(means[own], sizes[own])
        parts = supported_cut(merges, [tallies[pair] for pair in own], agreement, MASS_EXPONENT)
        part[own] = count + parts
        count += int(parts.max()) + 1
    return looked_up(part, group, in_place=True)


def _grouped(
    label: np.ndarray, rows: FeatureRows, covering: Covering
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Group rows by pairs of a cluster and a finer prototype; a pair is the number cluster * K + prototype.

    Returns (pairs (G,) that occur, rising; the index (n,) int32 of the pair of each row; the mean features (G,F) and
    sizes (G,) of the pairs). What the covering knows of the rows is written over.
    """
    base, group = len(covering.prototypes), covering.covered_by
    place_of = np.full((int(label.max(initial=-1)) + 1) * base, -1, dtype=np.int32)
    pairs, means = np.zeros(0, dtype=np.int64), GroupMeans(0, rows.shape[1])
    for block, some, index in nearest_by_blocks(rows, covering):
        pair = label[block].astype(np.int64) * base + index
        new = np.unique(pair[place_of[pair] < 0])
        place_of[new] = len(pairs) + np.arange(len(new), dtype=np.int32)
        pairs = np.concatenate([pairs, new])
        group[block] = place_of[pair]
        means.grow(len(pairs))
        means.add(some, group[block])
    # Pairs are numbered as they came: now by what they are.
    order = np.argsort(pairs)
    rank = np.empty(len(pairs), dtype=np.int32)
    rank[order] = np.arange(len(pairs), dtype=np.int32)
    of_pairs, sizes = means.result()
    return pairs[order], looked_up(rank, group, in_place=True), of_pairs[order], sizes[order]
