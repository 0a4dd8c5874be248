"""Prompts in a session are the prompts on the splat itself, made cheap."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import ring, things

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
