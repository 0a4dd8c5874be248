"""Votes for labels are what `accumulate` says of one-hot images, for any number of labels and layers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from scenes import Scene, camera, cloud
from torch import Tensor

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.raster.interface import accumulate, available_backends, prepare, vote, vote_above
from splatseg.raster.weights import Floors, SparseWeights


def dense(weights: SparseWeights) -> Tensor:
    """The matrix with its zeros; every label must stand once in a row, ascending."""
    out = torch.zeros(len(weights.indptr) - 1, weights.width, dtype=weights.weights.dtype)
    for row in range(len(out)):
        here = slice(int(weights.indptr[row]), int(weights.indptr[row + 1]))
        columns = weights.columns[here].long()
        assert (columns.diff() > 0).all()
        out[row, columns] = weights.weights[here]
    return out


def maps(scene: Scene, layers: int, count: int, cell: int, seed: int = 0) -> Tensor:
    """Label maps (L,H,W) of random squares of `cell` pixels, 0 among the labels."""
    height, width = scene.camera.height, scene.camera.width
    size = (layers, height // cell + 1, width // cell + 1)
    labels = torch.randint(count + 1, size, generator=torch.Generator().manual_seed(seed))
    return labels.repeat_interleave(cell, 1).repeat_interleave(cell, 2)[:, :height, :width].int()


@pytest.mark.parametrize(
    ("layers", "count", "cell"),
    [(1, 1, 100), (1, 3, 7), (3, 9, 5), (1, 5000, 1), (4, 6000, 1), (2, 4, 4), (1, 0, 9)],
)
def test_votes_are_sums_of_blending_weights_by_label(
    fast_backend: str | None, layers: int, count: int, cell: int
) -> None:
    scene = cloud(150, 1, seed=1, size=0.12, view=camera(75, 41, 50.0))
    labels = maps(scene, layers, count, cell)
    weights, totals = vote(prepare(*scene.geometry, scene.camera, backend=fast_backend), labels, count)
    exact = prepare(*[t.double() for t in scene.geometry], scene.camera, backend="reference")
    expected, expected_totals = vote(exact, labels, count)
    assert weights.width == count
    assert (weights.weights > 0).all()
    torch.testing.assert_close(dense(weights).double(), dense(expected), atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(totals.double(), expected_totals, atol=1e-4, rtol=1e-5)


def test_the_reference_is_accumulate_of_one_hot_images() -> None:
    scene = cloud(40, 1, seed=2, dtype=torch.float64)
    labels = maps(scene, 1, 3, 4)[0]
    plan = prepare(*scene.geometry, scene.camera, backend="reference")
    weights, totals = vote(plan, labels, 3)
    one_hot = torch.nn.functional.one_hot(labels.long(), 4).double()
    torch.testing.assert_close(dense(weights), accumulate(plan, one_hot)[:, 1:])
    torch.testing.assert_close(totals, accumulate(plan, torch.ones(16, 24, 1, dtype=torch.float64))[:, 0])


def test_layers_vote_as_if_each_were_alone(fast_backend: str | None) -> None:
    scene = cloud(200, 1, seed=3, size=0.1, view=camera(70, 50, 40.0))
    labels = maps(scene, 3, 8, 6)
    plan = prepare(*scene.geometry, scene.camera, backend=fast_backend)
    together, totals = vote(plan, labels, 8)
    alone = [vote(plan, layer, 8) for layer in labels]
    torch.testing.assert_close(dense(together), sum(dense(weights) for weights, _ in alone), atol=1e-4, rtol=1e-5)
    for _, other in alone:
        assert torch.equal(other, totals)


def assert_same_on_any_threads(everything: Callable[[], list[Tensor]]) -> None:
    torch.set_num_threads(1)
    alone = everything()
    for threads in (2, 3, 7):
        torch.set_num_threads(threads)
        assert all(torch.equal(a, b) for a, b in zip(everything(), alone, strict=True)), f"{threads} threads"


def test_any_number_of_threads_gives_the_same_bits(fast_backend: str | None) -> None:
    scene = cloud(3000, 1, seed=4, size=0.06, view=camera(150, 110, 100.0))
    labels = maps(scene, 2, 40, 11)
    plan = prepare(*scene.geometry, scene.camera, backend=fast_backend)

    def everything() -> list[Tensor]:
        weights, totals = vote(plan, labels, 40)
        return [weights.indptr, weights.columns, weights.weights, totals]

    assert_same_on_any_threads(everything)


@pytest.mark.parametrize("backend", available_backends())
def test_no_gaussians_no_layers_and_one_pixel_are_no_special_cases(backend: str) -> None:
    empty = cloud(0, 1)
    plan = prepare(*empty.geometry, empty.camera, backend=backend)
    weights, totals = vote(plan, torch.ones(16, 24, dtype=torch.int32), 2)
    assert (weights.indptr.tolist(), totals.tolist()) == ([0], [])
    scene = cloud(15, 1, view=camera(1, 1, 10.0))
    plan = prepare(*scene.geometry, scene.camera, backend=backend)
    weights, totals = vote(plan, torch.tensor([[2]]), 2)
    torch.testing.assert_close(dense(weights)[:, 1], totals)
    weights, totals_alone = vote(plan, torch.zeros(0, 1, 1), 2)
    assert len(weights.weights) == 0
    torch.testing.assert_close(totals_alone, totals)


@pytest.mark.parametrize("backend", available_backends())
def test_labels_and_maps_that_do_not_fit_are_refused(backend: str) -> None:
    scene = cloud(5, 1)
    plan = prepare(*scene.geometry, scene.camera, backend=backend)
    with pytest.raises(ValueError, match=r"labels must be in 0..2, got 0..3"):
        vote(plan, torch.tensor([[3] + [0] * 23] * 16), 2)
    with pytest.raises(ValueError, match=r"labels must be in 0..2, got -1..0"):
        vote(plan, torch.tensor([[-1] + [0] * 23] * 16), 2)
    with pytest.raises(ValueError, match="label_maps must have shape"):
        vote(plan, torch.zeros(16, 23), 2)


def test_memory_is_safe_from_labels_beyond_count_below_the_contract() -> None:
    scene = cloud(5, 1)
    plan = prepare(*scene.geometry, scene.camera, backend="native")
    with pytest.raises(ValueError, match=r"labels must be in 0..count"):
        _native.vote(plan.state, torch.full((1, 16, 24), 9, dtype=torch.int32), 2, torch.empty(5), 1)


@pytest.mark.parametrize("ignored", [0, 2, 9])
@pytest.mark.parametrize(("layers", "count", "cell"), [(1, 9, 5), (3, 9, 6), (2, 900, 1)])
def test_votes_above_floors_are_those_of_all_votes_to_the_bit(
    fast_backend: str | None, layers: int, count: int, cell: int, ignored: int
) -> None:
    scene = cloud(700, 1, seed=5, size=0.08, view=camera(75, 41, 50.0))
    labels = maps(scene, layers, count, cell)
    labels[labels == ignored] = 0 if ignored == 9 else ignored  # of 9 no pixel is left
    plan = prepare(*scene.geometry, scene.camera, backend=fast_backend)
    floors = Floors(0.03, 0.5, ignored)
    kept, totals = vote_above(plan, labels, count, floors)
    every, total = vote(plan, labels, count)
    rows = torch.repeat_interleave(torch.arange(plan.count), every.indptr.diff())
    unseen = every.columns == ignored - 1
    total[rows[unseen]] = (total[rows[unseen]] - every.weights[unseen]).clamp(min=0)
    above = (every.weights > torch.maximum(0.03 * total, torch.tensor(0.5))[rows]) & ~unseen
    assert 0 < above.sum() < len(above)
    assert torch.equal(totals, total)
    assert torch.equal(kept.rows.long(), rows[above])
    assert torch.equal(kept.columns, every.columns[above])
    assert torch.equal(kept.weights, every.weights[above])


def test_votes_above_floors_are_those_of_the_definition(fast_backend: str | None) -> None:
    scene = cloud(150, 1, seed=1, size=0.12, view=camera(75, 41, 50.0))
    labels = maps(scene, 2, 9, 5)
    found = []
    for backend, geometry in ((fast_backend, scene.geometry), ("reference", [t.double() for t in scene.geometry])):
        plan = prepare(*geometry, scene.camera, backend=backend)
        kept, totals = vote_above(plan, labels, 9, Floors(0.03, 0.5, 4))
        out = torch.zeros(plan.count, 9, dtype=torch.float64)
        out[kept.rows.long(), kept.columns.long()] = kept.weights.double()
        found.append((out, totals.double()))
    torch.testing.assert_close(found[0], found[1], atol=1e-4, rtol=1e-5)
    assert (found[0][0][:, 3] == 0).all(), "ignored pixels vote for nothing"


def test_any_number_of_threads_keeps_the_same_votes(fast_backend: str | None) -> None:
    scene = cloud(3000, 1, seed=4, size=0.06, view=camera(150, 110, 100.0))
    labels = maps(scene, 2, 40, 11)
    plan = prepare(*scene.geometry, scene.camera, backend=fast_backend)

    def everything() -> list[Tensor]:
        kept, totals = vote_above(plan, labels, 40, Floors(0.01, 0.1, 7))
        return [kept.rows, kept.columns, kept.weights, totals]

    assert_same_on_any_threads(everything)


@pytest.mark.parametrize("backend", available_backends())
def test_nothing_to_vote_for_keeps_nothing(backend: str) -> None:
    empty = cloud(0, 1)
    plan = prepare(*empty.geometry, empty.camera, backend=backend)
    kept, totals = vote_above(plan, torch.ones(16, 24, dtype=torch.int32), 2, Floors(0.0, 0.0))
    assert (len(kept.rows), len(totals)) == (0, 0)
    scene = cloud(15, 1)
    plan = prepare(*scene.geometry, scene.camera, backend=backend)
    kept, totals = vote_above(plan, torch.zeros(16, 24, dtype=torch.int32), 2, Floors(0.0, 0.0, 2))
    assert len(kept.weights) == 0
    torch.testing.assert_close(totals, vote(plan, torch.zeros(16, 24, dtype=torch.int32), 2)[1])
