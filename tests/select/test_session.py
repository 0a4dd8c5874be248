"""Prompts in a session are the prompts on the splat itself, made cheap."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_scenes import random_camera, random_splats
from scenes import ring, things

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError
from splatseg.render.label_maps import selection_mask
from splatseg.select import session as module
from splatseg.select.click_prompt import select_by_click
from splatseg.select.session import Session
from splatseg.splats.splats import Splats


def segmented() -> tuple[Splats, np.ndarray]:
    splats, thing = things()
    features = np.eye(8)[thing] + 0.05 * np.random.default_rng(0).normal(size=(len(thing), 8))
    ids = torch.tensor(thing, dtype=torch.int32)
    return splats.replace(features=torch.tensor(features, dtype=torch.float32), segment_ids=ids), thing


@pytest.mark.parametrize("voted", [True, False])
@pytest.mark.parametrize("threshold", [None, 0.7])
def test_clicks_in_a_session_are_plain_clicks(voted, threshold):
    splats, thing = segmented()
    session = Session(splats)
    for camera in (*ring(3), ring(3)[0]):
        pixels, _ = camera.project(splats.means.numpy()[thing == 2].astype(np.float64))
        pixel = tuple(np.median(pixels, axis=0).tolist())
        plain = select_by_click(splats, camera, pixel, threshold, voted)
        found = select_by_click(session, camera, pixel, threshold, voted)
        np.testing.assert_array_equal(found.members, plain.members)
        np.testing.assert_array_equal(found.scores, plain.scores)
        assert found.threshold == plain.threshold
        np.testing.assert_array_equal(
            session.mask(camera, found.members), selection_mask(splats, camera, plain.members)
        )


def test_a_view_is_prepared_once_as_long_as_prompts_stay_in_it(monkeypatch):
    prepared = []
    original = module.prepare
    monkeypatch.setattr(module, "prepare", lambda *given: prepared.append(given[-1]) or original(*given))
    splats, _ = segmented()
    session = Session(splats)
    for camera in (ring(3)[0], ring(3)[0], ring(3)[1], ring(3)[1], ring(3)[0]):
        session.mask(camera, np.ones(len(splats), dtype=bool))
    assert len(prepared) == 3


def test_a_session_on_a_splat_without_features_tells_so_at_the_prompt():
    splats, _ = segmented()
    session = Session(splats.replace(features=None, segment_ids=None))
    with pytest.raises(PromptError, match="no segmentation features"):
        select_by_click(session, ring(1)[0], (5, 5))


def test_what_is_not_seen_in_a_session_lets_the_click_through():
    splats, thing = segmented()
    along = ring(4)[1]
    _, depths = along.project(splats.means.numpy().astype(np.float64))
    front, behind = (1, 2) if depths[thing == 1].mean() < depths[thing == 2].mean() else (2, 1)
    pixel = (along.width / 2, along.height / 2)  # things 1 and 2 stand behind one another
    session = Session(splats)
    np.testing.assert_array_equal(select_by_click(session, along, pixel, voted=True).members, thing == front)
    rest = session.without(thing == front)
    np.testing.assert_array_equal(select_by_click(rest, along, pixel, voted=True).members, thing == behind)
    assert not rest.mask(along, thing == front).any()
    assert rest.features is session.features, "what is large is shared"
    twice = rest.without(thing == behind)
    assert not twice.mask(along, thing != 3).any() and rest.mask(along, thing == behind).any()


def test_sessions_with_other_segments_share_the_view_that_is_prepared(monkeypatch):
    prepared = []
    original = module.prepare
    monkeypatch.setattr(module, "prepare", lambda *given: prepared.append(given[-1]) or original(*given))
    splats, thing = segmented()
    session, camera = Session(splats), ring(3)[0]
    pixels, _ = camera.project(splats.means.numpy()[thing == 2].astype(np.float64))
    pixel = tuple(np.median(pixels, axis=0).tolist())
    session.plan(camera)
    joined = session.with_segments(np.minimum(thing, 2).astype(np.int32))
    np.testing.assert_array_equal(select_by_click(joined, camera, pixel, voted=True).members, thing > 1)
    np.testing.assert_array_equal(select_by_click(session, camera, pixel, voted=True).members, thing == 2)
    assert len(prepared) == 1


def random_session(seed: int) -> tuple[Session, Camera, np.random.Generator]:
    rng = np.random.default_rng(seed)
    splats, camera = random_splats(rng, 1500), random_camera(rng).scaled(4.0)
    ids = torch.from_numpy(rng.integers(0, 40, 1500).astype(np.int32))
    features = torch.from_numpy(rng.normal(size=(1500, 4)).astype(np.float32))
    return Session(splats.replace(segment_ids=ids, features=features)), camera, rng


@pytest.mark.parametrize("seed", range(12))
def test_a_click_that_prepares_its_tiles_alone_sees_what_it_sees_in_the_whole_view(seed: int) -> None:
    session, camera, rng = random_session(seed)
    for hidden in (None, rng.random(1500) < 0.3):
        alone, whole = (session.fork() if hidden is None else session.without(hidden) for _ in range(2))
        whole.plan(camera)
        for pixel in zip(rng.uniform(0, camera.width, 6), rng.uniform(0, camera.height, 6), strict=True):
            one, other = alone.look(camera, pixel), whole.look(camera, pixel)
            for ids in (session.splats.segment_ids.numpy(), np.arange(1500)):
                assert one.most(ids) == other.most(ids)
            assert one.xyz == other.xyz
            if one.xyz is not None:
                np.testing.assert_array_equal(one.feature, other.feature)
            mine, theirs = alone.segment_at(one), whole.segment_at(other)
            assert (mine is None) == (theirs is None) and (mine is None or np.array_equal(mine, theirs))
        assert not alone.has_plan(camera)


def test_a_click_on_a_segment_does_not_wait_for_its_view(monkeypatch):
    splats, thing = segmented()
    session, camera = Session(splats), ring(3)[0]
    pixels, _ = camera.project(splats.means.numpy()[thing == 2].astype(np.float64))
    pixel = tuple(np.median(pixels, axis=0).tolist())
    with session._view.preparing:  # as another thread does that prepares it
        found = select_by_click(session, camera, pixel, voted=True)
    np.testing.assert_array_equal(found.members, thing == 2)
    assert not session.has_plan(camera)
    select_by_click(session, camera, pixel)
    assert session.has_plan(camera), "the masks of thresholds are of the whole view"


def test_clicks_in_one_window_prepare_it_once_and_none_where_the_view_is_prepared(monkeypatch):
    prepared = []
    original = module.prepare_window
    monkeypatch.setattr(module, "prepare_window", lambda *given: prepared.append(1) or original(*given))
    session, camera, _ = random_session(3)
    for pixel in ((3, 3), (9, 20), (3, 3), (camera.width - 1, 3), (3, 3)):
        _ = session.look(camera, pixel).xyz
    assert len(prepared) == 3
    _ = session.look(camera.scaled(0.9), (3, 3)).xyz
    assert len(prepared) == 4
    session.plan(camera)
    _ = session.look(camera, (camera.width - 1, 9)).xyz
    assert len(prepared) == 4
