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
from splatseg.cluster.coreset import cover, groups_of, means_of, nearest
from splatseg.cluster.cut_by_support import supported_cut
from splatseg.cluster.linkage import average_linkage
from splatseg.cluster.settings import ClusterSettings
from splatseg.errors import MaskError
from splatseg.features.lift.embed import embed_votes
from splatseg.features.lift.settings import EmbedSettings
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


def finer_features(votes: Votes, means: np.ndarray, seed: int) -> np.ndarray | None:
    """Return unit features (N,F) that have diffused little, for means (N,3); None if masks do not suffice for any."""
    try:
        return embed_votes(votes, EmbedSettings(spread=SPREAD, seed=seed), means)
    except MaskError:
        # Masks of a few pixels or views, which other features (contrast) may still have been made of.
        return None


def finer_cut(
    label: np.ndarray, known: np.ndarray, finer: np.ndarray, agreement: Agreement, settings: ClusterSettings
) -> np.ndarray:
    """Return the cluster index (n,) of the Gaussians `known` (n,), each cluster of `label` (n,) >= 0 whole or cut.

    finer (N,F) are unit features of all Gaussians.
    """
    check_shapes(label=(label, "n"), known=(known, "n"), finer=(finer, f"{agreement.gaussians} F"))
    rows = finer if len(known) == len(finer) else finer[known]
    covering = cover(rows, COVER_SIMILARITY, settings.max_prototypes, settings.seed)
    # A pair of cluster and prototype is one number in base `base`.
    base = len(covering.prototypes)
    pair = label.astype(np.int64) * base + nearest(rows, covering)
    pairs, group = np.unique(pair, return_inverse=True)
    groups = np.full(len(finer), -1, dtype=np.int32)
    groups[known] = group
    inside, seen = agreement.tallies_of(groups, len(pairs))
    means, sizes = means_of(rows, group, len(pairs))
    part, count = np.zeros(len(pairs), dtype=np.int64), 0
    for own in groups_of(pairs // base):  # the pairs of one cluster
        merges, _ = average_linkage(means[own], sizes[own])
        parts = supported_cut(merges, inside[own], seen[own], agreement, MASS_EXPONENT)
        part[own] = count + parts
        count += int(parts.max()) + 1
    found: np.ndarray = part[group]
    return found
