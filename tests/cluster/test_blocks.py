"""Laws of blocks: borders and threads change no bit of features, segments and hierarchy, and memory stays small."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from splatseg.cluster import components
from splatseg.cluster.cluster import cluster_rows, cluster_splats, positions_of
from splatseg.cluster.components import spatial_components, touching_atoms, touching_gaussians
from splatseg.cluster.coreset import cover, means_of, nearest
from splatseg.cluster.labels import largest_first, members_of
from splatseg.features.lift import spectrum
from splatseg.features.lift.embed import embed_votes, fill_unseen, voted_features
from splatseg.features.rows import InMemory, Unit
from splatseg.machine import mapped
from splatseg.splats.blocks import whole_blocks
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes
from tests.contacts import touching_segments
from tests.scenes import colorful_splats

BORDERS = st.sampled_from([61, 100, 333, 5000])


@contextmanager
def blocks_of(rows: int, in_memory: int = 3000, kept: int = 10) -> Iterator[None]:
    """Go through everything in blocks of so many rows, and put arrays into files."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mapped, "ROWS_A_BLOCK", rows)
        patched.setattr(mapped, "IN_MEMORY", in_memory)
        patched.setattr(components, "DISTANCES_KEPT", kept)
        yield


def scene(count: int, seed: int) -> tuple[Splats, Votes]:
    """Lumps of Gaussians, each seen by masks of its own and a few of another's; some are not seen, some not finite."""
    rng = np.random.default_rng(seed)
    thing = np.sort(rng.integers(0, 5, count))[rng.permutation(count)]
    means = (thing[:, None] * [3.0, 0.5, 0.0] + rng.standard_normal((count, 3))).astype(np.float32)
    means[rng.random(count) < 0.01] = np.nan
    views, things = 6, 5
    seen = rng.random((count, views * things)) < 0.6
    own = np.tile(np.arange(things), views) == thing[:, None]
    weights = np.where(seen & (own | (rng.random(own.shape) < 0.03)), rng.uniform(0.5, 9.0, own.shape), 0.0)
    weights[rng.random(count) < 0.1] = 0.0
    columns = views * things
    votes = Votes(
        weights=sparse.csr_array(weights.astype(np.float32)),
        view_of=np.repeat(np.arange(views), things).astype(np.int32),
        id_of=np.tile(np.arange(1, things + 1), views).astype(np.int32),
        areas=np.full(columns, 1000, dtype=np.int64),
        seen=weights.sum(1).astype(np.float32) + 1.0,
        views=tuple(f"{view}.jpg" for view in range(views)),
        layer_of=np.zeros(columns, dtype=np.int32),
    )
    splats = colorful_splats(count, degree=0, seed=seed)
    return splats.replace(means=torch.from_numpy(means), log_scales=torch.full((count, 3), -2.0)), votes


def fresh(votes: Votes) -> Votes:
    """The same votes as a new object, of which nothing is known."""
    return Votes(**{name: getattr(votes, name) for name in votes.__dataclass_fields__})


@settings(max_examples=4, deadline=None)
@given(BORDERS, st.integers(0, 1000), st.sampled_from([1, 3]))
def test_borders_of_blocks_change_no_bit_of_features_segments_and_hierarchy(rows: int, seed: int, threads: int) -> None:
    splats, votes = scene(700, seed)
    features = embed_votes(votes, means=splats.positions)
    whole = cluster_splats(splats.replace(features=torch.from_numpy(features)), votes=votes)
    before = torch.get_num_threads()
    with blocks_of(rows):
        torch.set_num_threads(threads)
        try:
            given_votes = fresh(votes)
            made = voted_features(given_votes, means=splats.positions)
            extents = positions_of(whole_blocks(splats, rows))
            found = cluster_rows(*extents, Unit(made), votes=given_votes, cached=0)
        finally:
            torch.set_num_threads(before)
    np.testing.assert_array_equal(made.rows(0, 700), features)
    some = np.random.default_rng(seed).permutation(700)[:30].astype(np.int32)
    np.testing.assert_array_equal(made.picked(some), features[some])
    np.testing.assert_array_equal(found.ids, whole.ids)
    np.testing.assert_array_equal(found.counts, whole.counts)
    for name in ("atoms", "merges", "levels"):
        np.testing.assert_array_equal(getattr(found.hierarchy, name), getattr(whole.hierarchy, name))


@settings(max_examples=6, deadline=None)
@given(BORDERS, st.integers(0, 1000))
def test_borders_of_blocks_change_nothing_of_an_agreement(rows: int, seed: int) -> None:
    _, votes = scene(500, seed)
    rng = np.random.default_rng(seed)
    groups, members = rng.integers(-1, 4, 500), rng.random(500) < 0.4

    def asked() -> list[np.ndarray]:
        agreement = Agreement(fresh(votes))
        of_groups = [sums for tally in agreement.tallies_of(groups, 4) for sums in tally.dense()]
        ids = agreement.relabelled(groups + 1)
        sets = [agreement.by_majority(members), agreement.by_matches(members)]
        return [agreement.total, agreement.in_masks, *of_groups, *agreement.tallies(members).dense(), ids, *sets]

    whole = asked()
    with blocks_of(rows):
        for one, other in zip(whole, asked(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_groups_of_more_rows_than_are_summed_at_once_have_the_same_tallies_in_blocks() -> None:
    count = 200_000  # three sums of 65,536 and a rest
    rng = np.random.default_rng(0)
    weights = sparse.csr_array(rng.uniform(0.1, 9.0, (count, 2)).astype(np.float32))
    pair = np.arange(2, dtype=np.int32)
    areas, seen = np.full(2, 9, np.int64), np.ones(count, np.float32)
    votes = Votes(weights, pair, pair * 0 + 1, areas, seen, ("a.jpg", "b.jpg"), pair * 0)
    groups = (np.arange(count) % 50 == 0).astype(np.int32)
    whole = [tally.dense() for tally in Agreement(votes).tallies_of(groups, 2)]
    exact = weights.toarray().astype(np.float64)
    np.testing.assert_allclose([of[0] for of in whole], [exact[groups == group].sum(0) for group in (0, 1)], rtol=1e-5)
    for rows in (7777, 65_536, 100_000):
        with blocks_of(rows, in_memory=1 << 26):
            for one, other in zip(whole, Agreement(fresh(votes)).tallies_of(groups, 2), strict=True):
                np.testing.assert_array_equal(one, other.dense())


def test_a_decomposition_begun_on_a_sample_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectrum, "FIRST_ROWS", 300)
    _, votes = scene(9000, 2)
    whole = embed_votes(votes)
    with blocks_of(1234):
        np.testing.assert_array_equal(embed_votes(fresh(votes)), whole)


@settings(max_examples=8, deadline=None)
@given(BORDERS, st.integers(0, 1000), st.integers(1, 400))
def test_prototypes_and_means_are_those_of_one_piece(rows: int, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((count, 9)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)

    def found() -> list[np.ndarray]:
        covering = cover(Unit(InMemory(features)), 0.6, 20, seed)
        index = nearest(Unit(InMemory(features)), covering)
        return [covering.prototypes, covering.covered_by, index, *means_of(Unit(InMemory(features)), index, 20)]

    whole = found()
    with blocks_of(rows):
        for one, other in zip(whole, found(), strict=True):
            np.testing.assert_array_equal(one, other)


@settings(max_examples=12, deadline=None)
@given(BORDERS, st.integers(0, 1000), st.integers(1, 900))
def test_what_touches_is_the_same_however_many_distances_are_kept(rows: int, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    # Lumps of very different scale: the median of some says little of that of all.
    scale = 10.0 ** rng.uniform(-4, 4, 6)[rng.integers(0, 6, count)]
    means = (scale[:, None] * (10 + rng.random((count, 3)))).astype(np.float32)
    means[rng.random(count) < 0.05] = np.inf
    reach = (scale * 0.02 * rng.random(count)).astype(np.float32)
    atoms = rng.integers(0, 4, count).astype(np.int32)
    whole = spatial_components(means, reach)
    pairs = touching_atoms(means, reach, atoms)
    assert pairs == touching_segments(touching_gaussians(means, reach), atoms)
    with blocks_of(rows):
        np.testing.assert_array_equal(spatial_components(means, reach), whole)
        assert touching_atoms(means, reach, atoms) == pairs


@settings(max_examples=12, deadline=None)
@given(BORDERS, st.integers(0, 1000), st.integers(1, 600))
def test_what_is_nearest_is_found_exactly_and_the_first_of_equals(rows: int, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    means = np.round(rng.standard_normal((count, 3)) * 4).astype(np.float32)  # on a grid: many are equally near
    means[rng.random(count) < 0.05] = np.nan
    features = np.eye(count, dtype=np.float32)
    features[rng.random(count) < 0.5] = 0.0
    with blocks_of(rows):
        filled = fill_unseen(features, means)
    finite = np.isfinite(means).all(1)
    known = np.flatnonzero(features.any(1) & finite)
    for row in range(count):
        expected = row
        if finite[row] and not features[row].any() and len(known):
            expected = known[((means[known].astype(np.float64) - means[row]) ** 2).sum(1).argmin()]
        np.testing.assert_array_equal(filled[row], features[expected])


@settings(max_examples=12, deadline=None)
@given(BORDERS, st.lists(st.integers(-2, 6), max_size=60))
def test_labels_are_put_in_order_by_size_and_first_member(rows: int, labels: list[int]) -> None:
    given_labels = np.array(labels, dtype=np.int32)
    sizes = {label: labels.count(label) for label in labels if label >= 0}
    ranked = sorted(sizes, key=lambda label: (-sizes[label], labels.index(label)))
    with blocks_of(rows):
        ids = largest_first(given_labels)
        members, first = members_of(given_labels, 7)
    np.testing.assert_array_equal(ids, [ranked.index(label) + 1 if label >= 0 else 0 for label in labels])
    for label in range(7):
        np.testing.assert_array_equal(members[first[label] : first[label + 1]], np.flatnonzero(given_labels == label))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's own memory")
def test_own_memory_grows_by_few_bytes_a_gaussian(tmp_path: Path) -> None:
    child = Path(__file__).parents[1] / "memory_of_blocks.py"
    most = [
        int(subprocess.run([sys.executable, child, tmp_path, str(count)], capture_output=True, check=True).stdout)
        for count in (1_200_000, 2_400_000)
    ]
    assert (most[1] - most[0]) / 1_200_000 < 36  # 24, and what the allocator keeps of freed memory
