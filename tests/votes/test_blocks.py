"""Votes collected view by view on any worker, and put together block by block: the bytes of those in one piece."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_scenes import MaskedScene, random_scene
from scenes import GivenMasks, masked_things

from splatseg.engine.in_process import InProcess
from splatseg.engine.protocol import Done
from splatseg.errors import MaskError
from splatseg.masks.segments import from_label_map
from splatseg.splats.made_of import GEOMETRY, made_of
from splatseg.splats.mapped import geometry as mapped
from splatseg.splats.mapped.geometry import open_geometry, write_geometry
from splatseg.splats.splats import Splats
from splatseg.tensors import stream_tensors
from splatseg.votes.blocks import collect, reduce, work
from splatseg.votes.blocks.collect import collect_in_blocks
from splatseg.votes.blocks.work import VoteOfView
from splatseg.votes.file import read_votes, write_votes
from splatseg.votes.votes import collect_votes


def opened(scene: Any) -> tuple[Any, Any]:
    return scene.views, scene


def in_pieces(splats: Splats, borders: list[int]) -> Iterator[Splats]:
    for begin, end in pairwise(borders):
        yield splats.subset(torch.arange(begin, end))


def random_borders(seed: int, count: int) -> list[int]:
    """Borders of blocks anywhere: blocks of one Gaussian, of none, and large ones."""
    rng = np.random.default_rng(seed)
    inner = rng.integers(0, count + 1, rng.integers(0, 9)).tolist()
    return sorted([0, *inner, *(min(value + 1, count) for value in inner[:2]), count])


def prepared(scene: Any, folder: Path, seed: int = 0) -> VoteOfView:
    splats = scene.splats
    write_geometry(folder / "geometry", in_pieces(splats, random_borders(seed, len(splats))), len(splats))
    digest = made_of(splats, GEOMETRY)[GEOMETRY]
    return VoteOfView(partial(opened, scene), folder / "geometry", digest, folder / "views")


def collected(scene: Any, folder: Path, engine: Any = None, seed: int = 0) -> bytes:
    names = [view.name for view in scene.views]
    digests = made_of(scene.splats, GEOMETRY)
    job = prepared(scene, folder, seed)
    collect_in_blocks(job, names, len(scene.splats), folder / "votes", engine or InProcess(), digests)
    return (folder / "votes").read_bytes()


def in_one_piece(scene: Any, folder: Path) -> bytes:
    votes = collect_votes(scene.splats, scene.views, scene)
    write_votes(folder / "whole", votes, made_of(scene.splats, GEOMETRY))
    return (folder / "whole").read_bytes()


class Shuffled(InProcess):
    """Does the items in another order, and the first of them twice: a worker was taken for lost."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def map(self, job: Any, items: Any, **options: Any) -> Iterator[Done[Any]]:  # type: ignore[override]
        order = np.random.default_rng(self.seed).permutation(len(items)).tolist()
        job(items[order[0]])
        for done in super().map(job, [items[index] for index in order], **options):
            yield dataclasses.replace(done, index=order[done.index])


@pytest.mark.parametrize("seed", range(24))
def test_any_scene_in_any_blocks_gives_the_same_bytes(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = random_scene(seed)
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(mapped, "GROUP", int(rng.choice([1, 7, 64, 8192])))
    monkeypatch.setattr(reduce, "MOST_ROWS", int(rng.choice([1, 10, 77, 10_000])))
    monkeypatch.setattr(reduce, "ENTRIES_AT_ONCE", int(rng.choice([20, 100_000])))
    assert collected(scene, tmp_path, Shuffled(seed), seed) == in_one_piece(scene, tmp_path)


def test_scenes_of_every_kind_are_among_the_random_ones() -> None:
    masks = [found for seed in range(24) for found in random_scene(seed).masks.values()]
    assert any(found.count == 0 for found in masks) and any(len(found.layers) > 1 for found in masks)
    assert any(found.ignored is not None for found in masks) and any(found.source_of is not None for found in masks)
    assert any(found.weights is not None and np.isinf(found.weights).any() for found in masks)
    splats = random_scene(0).splats
    assert splats.means.isnan().any() and splats.scales.amax() > 5 and (splats.means[1:] == splats.means[:-1]).any()


def test_a_view_takes_only_blocks_in_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = random_scene(1, count=3000)
    scene = dataclasses.replace(scene, splats=scene.splats.subset(scene.splats.means[:, 0].argsort()))
    monkeypatch.setattr(mapped, "GROUP", 50)
    counts = []
    entries = work.entries_of_view
    monkeypatch.setattr(
        work, "entries_of_view", lambda plan, *given: counts.append(plan.count) or entries(plan, *given)
    )
    collected(scene, tmp_path)
    splats = open_geometry(tmp_path / "geometry")
    ranges = [splats.rows_in_view(view.camera) for view in scene.views[1:]]
    assert counts == [sum(rows.stop - rows.start for rows in each) for each in ranges] and min(counts) < 2500


def test_what_was_interrupted_takes_the_views_that_are_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = random_scene(2)
    made: list[str] = []
    write = work.write_view
    monkeypatch.setattr(work, "write_view", lambda path, *given: made.append(path.name) or write(path, *given))

    class Interrupted(InProcess):
        def map(self, job: Any, items: Any, **options: Any) -> Iterator[Done[Any]]:  # type: ignore[override]
            yield from super().map(job, items[:3], **options)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collected(scene, tmp_path, Interrupted())
    assert len(made) == 3 and not (tmp_path / "votes").exists()
    assert collected(scene, tmp_path) == in_one_piece(scene, tmp_path)
    assert len(made) == len(set(made)) == len(scene.views)


def test_votes_of_other_masks_cameras_or_splats_are_never_used(tmp_path: Path) -> None:
    scene = random_scene(3)
    collected(scene, tmp_path)
    before = {path.name for path in (tmp_path / "views").iterdir()}
    other_masks = dataclasses.replace(scene, masks=scene.masks | {"1.png": random_scene(4).masks["1.png"]})
    other_masks.masks["1.png"] = from_label_map(np.ones_like(scene.masks["1.png"].layers[0]))
    assert collected(other_masks, tmp_path) == in_one_piece(other_masks, tmp_path)
    after = {path.name for path in (tmp_path / "views").iterdir()}
    assert len(before & after) == len(scene.views) - 1 and len(after) == len(scene.views), "stale files are removed"
    camera = scene.views[2].camera
    views = list(scene.views)
    views[2] = dataclasses.replace(views[2], camera=camera.moved(3.0, 0.0))
    other_camera = dataclasses.replace(scene, views=tuple(views))
    assert collected(other_camera, tmp_path) == in_one_piece(other_camera, tmp_path)
    other_splats = dataclasses.replace(scene, splats=scene.splats.replace(quats=scene.splats.quats.flip(1)))
    assert collected(other_splats, tmp_path) == in_one_piece(other_splats, tmp_path)


def test_a_damaged_file_of_a_view_is_made_again(tmp_path: Path) -> None:
    scene = random_scene(5)
    whole = collected(scene, tmp_path)
    for path in sorted((tmp_path / "views").iterdir())[:2]:
        path.write_bytes(path.read_bytes()[:-1])
    assert collected(scene, tmp_path) == whole


def test_a_view_of_more_masks_than_16_bits_can_number_keeps_them(tmp_path: Path) -> None:
    scene = masked_things(lambda view, parts: [parts > 0], views=2)
    shape = scene.masks["0.png"].layers[0].shape
    many = from_label_map(np.arange(1, 1 + shape[0] * shape[1], dtype=np.int32).reshape(shape))
    wide = dataclasses.replace(many, count=70_000, scores=np.ones(70_000, np.float32))
    wide.layers[0][...] += 70_000 - int(wide.layers[0].max())
    numbered = dataclasses.replace(scene, masks={"0.png": wide, "1.png": scene.masks["1.png"]})
    assert collected(numbered, tmp_path) == in_one_piece(numbered, tmp_path)


@pytest.mark.parametrize("masks", [{}, {"0.png": np.zeros, "1.png": np.zeros}])
def test_masks_that_say_nothing_are_the_same_error(masks: dict[str, Any], tmp_path: Path) -> None:
    scene = masked_things(lambda view, parts: [parts > 0], views=2)
    shape = scene.masks["0.png"].layers[0].shape
    empty = {name: from_label_map(zeros(shape, np.int32)) for name, zeros in masks.items()}
    silent = MaskedScene(scene.splats, scene.views, empty)
    with pytest.raises(MaskError) as told:
        collected(silent, tmp_path)
    with pytest.raises(MaskError) as expected:
        in_one_piece(silent, tmp_path)
    assert str(told.value) == str(expected.value) and not (tmp_path / "votes").exists()


def test_a_view_that_fails_ends_it_with_its_sentence_and_the_rest_is_kept(tmp_path: Path) -> None:
    scene = random_scene(6)

    class Broken(GivenMasks):
        def read(self, view: Any) -> Any:
            if view.name == "3.png":
                raise MaskError("the mask 3.png cannot be read")
            return scene.read(view)

    job = dataclasses.replace(prepared(scene, tmp_path), opener=lambda: (scene.views, Broken({})))
    names = [view.name for view in scene.views]
    with pytest.raises(MaskError, match=r"^the mask 3\.png cannot be read$"):
        collect_in_blocks(job, names, len(scene.splats), tmp_path / "votes", InProcess())
    assert len(list((tmp_path / "views").iterdir())) == 3 and not (tmp_path / "votes").exists()


def test_a_capture_that_changed_under_the_workers_is_told(tmp_path: Path) -> None:
    scene = random_scene(7)
    with pytest.raises(MaskError, match=r"the capture changed while .* view 2 is not 'other.png' any more"):
        collect_in_blocks(prepared(scene, tmp_path), ["0.png", "other.png"], 300, tmp_path / "votes", InProcess())


def test_a_full_disk_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    room = stream_tensors(tmp_path / "votes", None, {"data": (np.float32, (3,))})
    with pytest.raises(OSError, match="No space left") as told, room:
        pytest.fail("the work began")
    assert told.value.filename == str(tmp_path / "votes") and not list(tmp_path.iterdir())


def test_the_file_is_read_as_any_file_of_votes(tmp_path: Path) -> None:
    scene = random_scene(8)
    collected(scene, tmp_path)
    found, expected = read_votes(tmp_path / "votes"), collect_votes(scene.splats, scene.views, scene)
    np.testing.assert_array_equal(found.weights.toarray(), expected.weights.toarray())
    np.testing.assert_array_equal(found.seen, expected.seen)
    assert collect.OPENED is work.OPENED and not work.OPENED.is_open, "nothing stays open"
