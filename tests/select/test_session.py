"""Prompts in a session are the prompts on the splat itself, made cheap."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import ring, things

from splatseg.errors import PromptError
from splatseg.output import selection_mask
from splatseg.select import Session, select_by_click
from splatseg.select import session as module
from splatseg.splats import Splats


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
