"""Automatic segments: every Gaussian gets the id of the thing it belongs to.

1. Prototypes are chosen to cover the features, and joined by average linkage into a tree (`coreset`, `linkage`).
2. The tree is cut into atoms, rather too many than too few: at nodes that masks show as one (`cut_by_support`), or
   without votes at a fifth of the usual distance. An atom whose parts the masks explain better than the whole is cut
   once more (`finer_cut`). Pieces of a cluster that are apart in space become several atoms, crumbs join the nearest
   atom, and Gaussians at boundaries follow the masks that match their atoms. Atoms that break true masks are cut along
   them (`votes.true_masks`).
3. Atoms that touch are merged into a hierarchy, parts to wholes to groups (`merge_by_support`, `merge_by_similarity`).
4. The hierarchy is cut at the chosen granularity; boundaries follow the masks once more; ids run by size, 1 is the
   largest.

Alphabet: N Gaussians, F features, K segments; ids (N,) int32, 0 = none (no features, or a crumb far from everything).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from splatseg.arrays import check_shapes
from splatseg.cluster.components import spatial_components, touching_gaussians
from splatseg.cluster.coreset import cover, groups_of, means_of, nearest
from splatseg.cluster.cut_by_support import supported_cut
from splatseg.cluster.finer_cut import finer_cut, finer_features
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.cluster.linkage import average_linkage, cut
from splatseg.cluster.merge_by_similarity import RANGE, merge_by_similarity
from splatseg.cluster.merge_by_support import merge_by_support
from splatseg.cluster.settings import ClusterSettings
from splatseg.cluster.touching import touching_segments
from splatseg.nearest import tree_of
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes


@dataclass(frozen=True, eq=False)
class Clusters:
    """Segments of a splat."""

    ids: np.ndarray
    """(N,) int32, 0 = none."""
    counts: np.ndarray
    """(K,) int64, numbers of Gaussians of ids 1..K."""
    hierarchy: Hierarchy
    """The hierarchy that the ids are a cut of."""

    def __post_init__(self) -> None:
        check_shapes(ids=(self.ids, "N"), counts=(self.counts, "K"))


def cluster_splats(
    splats: Splats,
    settings: ClusterSettings | None = None,
    votes: Votes | None = None,
    agreement: Agreement | None = None,
) -> Clusters:
    """Segment a splat that carries features. The same splat, votes and settings give the same ids.

    votes: those of the masks on this splat, which decide what is one thing; agreement: what was made of them, if it is
    at hand.

    Raises ValueError for a splat without features.

    Example:
        >>> votes = splatseg.collect_votes(scene.splats, capture.split("train"), run.masks())
        >>> clusters = splatseg.cluster_splats(scene.splats, votes=votes)
        >>> len(clusters.counts) == int(clusters.ids.max())
        True
    """
    if splats.features is None:
        raise ValueError("the splat has no features to cluster")
    settings = settings or ClusterSettings()
    agreement = Agreement(votes) if votes is not None and agreement is None else agreement
    finer = None if votes is None else finer_features(votes, splats.positions, settings.seed)
    features = torch.nn.functional.normalize(splats.features.detach().float(), dim=1).numpy()
    means, reach = splats.positions, splats.reach
    atoms = _atoms(features, finer, means, reach, settings, agreement)
    touching = touching_segments(touching_gaussians(means, reach), atoms)
    if agreement is None:
        hierarchy = merge_by_similarity(atoms, touching, features, settings.distance)
    else:
        hierarchy = merge_by_support(atoms, touching, agreement, features)
    ids = segments_of(hierarchy, settings.granularity, agreement)
    return Clusters(ids, np.bincount(ids)[1:], hierarchy)


def segments_of(hierarchy: Hierarchy, granularity: float, agreement: Agreement | None = None) -> np.ndarray:
    """Return the ids (N,) int32 of the segments at a granularity in 0..1.

    They are the cut of the hierarchy, with boundaries corrected by the votes in `agreement`.
    """
    ids = _largest_first(hierarchy.cut(granularity).astype(np.int64) - 1)
    if agreement is None:
        return ids
    return _largest_first(np.where(agreement.in_masks, agreement.relabelled(ids).astype(np.int64), 0) - 1)


def _atoms(
    features: np.ndarray,
    finer: np.ndarray | None,
    means: np.ndarray,
    reach: np.ndarray,
    settings: ClusterSettings,
    agreement: Agreement | None,
) -> np.ndarray:
    """Return atoms (N,) int32, 1 the largest, 0 = none, from unit features (N,F) and, if there are, finer ones."""
    known = np.flatnonzero(features.any(1) & np.isfinite(features).all(1))
    atoms = np.zeros(len(features), dtype=np.int32)
    if len(known) == 0:
        return atoms
    all_means, means, reach = means, means[known], reach[known]
    label = _clusters(features, known, settings, agreement)
    if agreement is not None and finer is not None:
        label = finer_cut(label, known, finer, agreement, settings)
    piece = _pieces(label, means, reach, settings)
    atoms[known] = _largest_first(_without_crumbs(piece, means, settings))
    if agreement is None:
        return atoms
    pieces = agreement.relabelled(atoms).astype(np.int64) - 1
    return _largest_first(pieces if agreement.true is None else agreement.true.parted(pieces, all_means))


def _clusters(
    all_features: np.ndarray, known: np.ndarray, settings: ClusterSettings, agreement: Agreement | None
) -> np.ndarray:
    """Return the cluster index of each Gaussian in `known`, among N, from unit features (N,F)."""
    features = all_features if len(known) == len(all_features) else all_features[known]
    covering = cover(features, settings.cover_similarity, settings.max_prototypes, settings.seed)
    index = nearest(features, covering)
    # A prototype that is nearest to no Gaussian has no mean and no place in the tree.
    prototypes, sizes = means_of(features, index, len(covering.prototypes))
    used = np.flatnonzero(sizes)
    merges, distances = average_linkage(prototypes[used], sizes[used])
    label = np.zeros(len(covering.prototypes), dtype=np.int64)
    if agreement is None:
        label[used] = cut(merges, distances, settings.distance / RANGE)
    else:
        # Prototypes in use are numbered 0, 1, ...; the Gaussians of each are a set whose tallies the cut needs.
        groups = np.full(len(all_features), -1, dtype=np.int32)
        groups[known] = (np.cumsum(sizes > 0) - 1)[index]
        inside, seen = agreement.tallies_of(groups, len(used))
        label[used] = supported_cut(merges, inside, seen, agreement)
    labels: np.ndarray = label[index]
    return labels


def _pieces(label: np.ndarray, means: np.ndarray, reach: np.ndarray, settings: ClusterSettings) -> np.ndarray:
    """Return the piece index (N,): clusters split if large parts of them are apart in space; -1 for their crumbs."""
    piece = np.full(len(label), -1, dtype=np.int64)
    smallest = max(settings.min_count, int(settings.min_share * len(label)))
    count = 0
    for members in groups_of(label):
        if len(members) < smallest:
            continue
        component = spatial_components(means[members], reach[members])
        sizes = np.bincount(component)
        # Components are sorted, the largest first. The largest, and any as large, are pieces whatever their share.
        apart = np.flatnonzero((sizes >= max(smallest, settings.split_share * len(members))) | (sizes == sizes[0]))
        # A table from component to piece, -1 for components that are too small.
        rank = np.full(len(sizes), -1)
        rank[apart] = count + np.arange(len(apart))
        piece[members] = rank[component]
        count += len(apart)
    return piece


def _without_crumbs(piece: np.ndarray, means: np.ndarray, settings: ClusterSettings) -> np.ndarray:
    """Join crumbs (-1) to the piece of the nearest Gaussian that has one. If all are crumbs, they become one piece."""
    if (piece < 0).all():
        return np.zeros_like(piece)
    crumbs = np.flatnonzero((piece < 0) & np.isfinite(means).all(1))
    whole = np.flatnonzero((piece >= 0) & np.isfinite(means).all(1))
    joined = piece.copy()
    if len(crumbs) and len(whole):
        joined[crumbs] = piece[whole[tree_of(means[whole]).query(means[crumbs], workers=-1)[1]]]
    return joined


def _largest_first(piece: np.ndarray) -> np.ndarray:
    """Return ids (N,) int32 from 1 by falling size; equal sizes by their first Gaussian; -1 becomes 0."""
    names, first, inverse, sizes = np.unique(piece, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -sizes))  # by size, then by the first Gaussian
    order = order[names[order] >= 0]
    ids = np.zeros(len(names), dtype=np.int32)
    ids[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    return ids[inverse]
