"""Automatic segments: every Gaussian gets the id of the thing it belongs to.

1. Prototypes are chosen to cover the features, and joined by average linkage into a tree (`coreset`, `linkage`).
2. The tree is cut into atoms, rather too many than too few: at nodes that masks show as one (`cut_by_support`), or
   without votes at a fifth of the usual distance. An atom whose parts the masks explain better than the whole is cut
   once more (`finer_cut`). Pieces of a cluster that are apart in space become several atoms, crumbs join the nearest
   atom, and Gaussians at boundaries follow the masks that match their atoms. Atoms that break true masks are cut along
   them (`votes.true_masks`).
   Of masks that were proposed from the photographs, atoms are made of the merge trees that the masks are from, instead
   (`borders`).
3. Atoms that touch are merged into a hierarchy, parts to wholes to groups (`merge_by_support`, `merge_by_similarity`).
4. The hierarchy is cut at the chosen granularity; boundaries follow the masks once more; ids run by size, 1 is the
   largest.

Alphabet: N Gaussians, F features, K segments; ids (N,) int32, 0 = none (no features, or a crumb far from everything).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.borders.between import Between, atoms_between
from splatseg.borders.superpixels import Borders
from splatseg.cluster.components import spatial_components, touching_atoms, touching_gaussians
from splatseg.cluster.coreset import GroupMeans, cover, nearest_by_blocks
from splatseg.cluster.cut_by_support import supported_cut
from splatseg.cluster.finer_cut import finer_cut, finer_features
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.cluster.labels import Known, largest_first, looked_up, members_of, sizes_of
from splatseg.cluster.linkage import average_linkage, cut
from splatseg.cluster.merge_by_similarity import RANGE, merge_by_similarity
from splatseg.cluster.merge_by_support import merge_by_support
from splatseg.cluster.settings import ClusterSettings
from splatseg.features.lift.embed import nearest_known
from splatseg.features.rows import CACHED, FeatureRows, InMemory, in_memory, unit
from splatseg.machine import mapped
from splatseg.splats.blocks import SplatBlocks
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
    borders: Borders | None = None,
) -> Clusters:
    """Segment a splat that carries features. The same splat, votes and settings give the same ids.

    votes: those of the masks on this splat, which decide what is one thing; agreement: what was made of them, if it is
    at hand. borders: what the merge trees of the photographs say, for masks that were proposed from these.

    Raises ValueError for a splat without features.

    Example:
        >>> votes = splatseg.collect_votes(scene.splats, capture.split("train"), run.masks())
        >>> clusters = splatseg.cluster_splats(scene.splats, votes=votes)
        >>> len(clusters.counts) == int(clusters.ids.max())
        True
    """
    if splats.features is None:
        raise ValueError("the splat has no features to cluster")
    features = unit(splats.features.detach().float())
    return cluster_rows(splats.positions, splats.reach, InMemory(features), settings, votes, agreement, borders=borders)


def positions_of(splats: SplatBlocks) -> tuple[np.ndarray, np.ndarray]:
    """Return means (N,3) and reach (N,) of a splat in blocks, float32, in scratch memory (`machine.mapped`)."""
    count = int(splats.borders[-1])
    means, reach = mapped.scratch((count, 3), np.float32), mapped.scratch(count, np.float32)
    for block, (begin, end) in enumerate(pairwise(splats.borders.tolist())):
        some = splats.read(block, "geometry")
        means[begin:end], reach[begin:end] = some.positions, some.reach
        mapped.release(means, reach)
    return means, reach


def cluster_rows(
    means: np.ndarray,
    reach: np.ndarray,
    features: FeatureRows,
    settings: ClusterSettings | None = None,
    votes: Votes | None = None,
    agreement: Agreement | None = None,
    cached: int = CACHED,
    borders: Borders | None = None,
) -> Clusters:
    """Segment Gaussians with means (N,3), reach (N,) (their largest scale) and unit features (N,F).

    What is as large as the splat may lie in files: positions in scratch memory (`positions_of`), features made in
    blocks (`voted_features`). cached: bytes up to which features that are made of votes are kept in memory; with 0, the
    segments of a splat on disk are found beside a few numbers a Gaussian, to the same bits. borders: as for
    `cluster_splats`.
    """
    settings = settings or ClusterSettings()
    agreement = Agreement(votes) if votes is not None and agreement is None else agreement
    if agreement is None:
        atoms = _atoms(features, None, means, reach, settings, None)
        hierarchy = merge_by_similarity(atoms, touching_atoms(means, reach, atoms), features, settings.distance)
    elif borders is not None:
        atoms, between = _fused(borders, means, reach, settings)
        hierarchy = merge_by_support(atoms, between.touching, agreement, features, between)
    else:
        finer = None if votes is None else finer_features(votes, means, settings.seed)
        atoms = _atoms(features, None if finer is None else in_memory(finer, cached), means, reach, settings, agreement)
        del finer
        hierarchy = merge_by_support(atoms, touching_atoms(means, reach, atoms), agreement, features)
    ids = segments_of(hierarchy, settings.granularity, agreement)
    return Clusters(ids, sizes_of(ids, int(ids.max(initial=0)) + 1)[1:], hierarchy)


def segments_of(hierarchy: Hierarchy, granularity: float, agreement: Agreement | None = None) -> np.ndarray:
    """Return the ids (N,) int32 of the segments at a granularity in 0..1.

    They are the cut of the hierarchy, with boundaries corrected by the votes in `agreement`.
    """
    ids = largest_first(hierarchy.cut(granularity), first=1, in_place=True)
    if agreement is None:
        return ids
    ids = agreement.relabelled(ids)
    ids *= agreement.in_masks
    return largest_first(ids, first=1, in_place=True)


def _atoms(
    features: FeatureRows,
    finer: FeatureRows | None,
    means: np.ndarray,
    reach: np.ndarray,
    settings: ClusterSettings,
    agreement: Agreement | None,
) -> np.ndarray:
    """Return atoms (N,) int32, 1 the largest, 0 = none, from unit features (N,F) and, if there are, finer ones."""
    known = Known(features)
    if known.count == 0:
        return np.zeros(features.shape[0], dtype=np.int32)
    label = _clusters(known, features, settings, agreement)
    if agreement is not None and finer is not None:
        label = finer_cut(label, known, finer, agreement, settings)
    piece = _pieces(label, known.picked(means), known.picked(reach), settings)
    del label
    atoms = known.spread(largest_first(piece, in_place=True), 0)
    if agreement is None:
        return atoms
    atoms = agreement.relabelled(atoms)
    if agreement.true is None:
        return largest_first(atoms, first=1, in_place=True)
    return largest_first(agreement.true.parted(atoms.astype(np.int64) - 1, means))


def _fused(
    borders: Borders, means: np.ndarray, reach: np.ndarray, settings: ClusterSettings
) -> tuple[np.ndarray, Between]:
    """Return (atoms (N,) int32 of the merge trees, 1, 2, ..., 0 = none; what lies between them)."""
    atoms, between = atoms_between(borders, touching_gaussians(means, reach), least=_smallest(len(means), settings))
    atoms = _without_crumbs(atoms, means)
    atoms += 1
    return atoms, between


def _clusters(
    known: Known, all_features: FeatureRows, settings: ClusterSettings, agreement: Agreement | None
) -> np.ndarray:
    """Return the cluster index (n,) int32 of each known Gaussian, from unit features (N,F)."""
    features = known.some(all_features)
    covering = cover(features, settings.cover_similarity, settings.max_prototypes, settings.seed)
    # What covers a Gaussian gives way to what is nearest.
    index, means = covering.covered_by, GroupMeans(len(covering.prototypes), features.shape[1])
    for block, some, of_block in nearest_by_blocks(features, covering):
        index[block] = of_block
        means.add(some, of_block)
    # A prototype that is nearest to no Gaussian has no mean and no place in the tree.
    prototypes, sizes = means.result()
    used = np.flatnonzero(sizes)
    merges, distances = average_linkage(prototypes[used], sizes[used])
    label = np.zeros(len(covering.prototypes), dtype=np.int32)
    if agreement is None:
        label[used] = cut(merges, distances, settings.distance / RANGE)
    else:
        # Prototypes in use are numbered 0, 1, ...; the Gaussians of each are a set whose tallies the cut needs.
        numbers = np.cumsum(sizes > 0) - 1
        tallies = agreement.tallies_of(known.spread(looked_up(numbers, index), -1), len(used))
        label[used] = supported_cut(merges, tallies, agreement)
    return looked_up(label, index, in_place=True)


def _pieces(label: np.ndarray, means: np.ndarray, reach: np.ndarray, settings: ClusterSettings) -> np.ndarray:
    """Return the piece index (n,) int32: clusters split if large parts of them are apart in space, without crumbs."""
    smallest = _smallest(len(label), settings)
    order, first = members_of(label, int(label.max()) + 1)
    piece = np.full(len(label), -1, dtype=np.int32)
    count = 0
    for begin, end in pairwise(first.tolist()):
        members = order[begin:end]
        if len(members) < smallest:
            continue
        component = spatial_components(mapped.picked(means, members), mapped.picked(reach, members))
        sizes = sizes_of(component, int(component.max()) + 1)
        # Components are sorted, the largest first. The largest, and any as large, are pieces whatever their share.
        apart = np.flatnonzero((sizes >= max(smallest, settings.split_share * len(members))) | (sizes == sizes[0]))
        # A table from component to piece, -1 for components that are too small.
        rank = np.full(len(sizes), -1, dtype=np.int32)
        rank[apart] = count + np.arange(len(apart))
        for block in mapped.ranges(len(members)):
            piece[members[block]] = rank[component[block]]
        count += len(apart)
    del order
    return _without_crumbs(piece, means)


def _smallest(count: int, settings: ClusterSettings) -> int:
    """Return how many of so many Gaussians are no crumb."""
    return max(settings.min_count, int(settings.min_share * count), 1)


def _without_crumbs(piece: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Join crumbs (-1) to the piece of the nearest Gaussian that has one. If all are crumbs, they become one piece."""
    whole = piece >= 0
    if not whole.any():
        piece[:] = 0
        return piece
    sources = nearest_known(whole, means)
    return piece if sources is None else looked_up(piece, sources)
