"""The floaters of a scene are those of `splatseg clean`, and its evidence is gathered once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import things

from splatseg.errors import PromptError
from splatseg.scene.opening import open_scene
from splatseg.scene.scene import Scene


def strayed(tmp_path: Path) -> Scene:
    """A file of three things and a stray."""
    splats, thing = things(each=120)
    means = splats.means.clone()
    means[0] = torch.tensor([0.0, 500.0, 0.0])
    splats = splats.replace(means=means, segment_ids=torch.from_numpy(thing).int())
    Scene(splats).export(tmp_path / "a.ply")
    return open_scene(tmp_path / "a.ply", Scene)


def test_floaters_are_a_selection_that_says_why(tmp_path: Path) -> None:
    scene = strayed(tmp_path)
    floaters = scene.floaters()
    assert np.flatnonzero(floaters.members).tolist() == [0]
    assert floaters.facts == ("1 alone in space", "1 outside the capture")
    assert scene.floaters(reasons=["needle"]).count == 0
    cleaned = floaters.rest.export(tmp_path / "clean.ply")
    assert len(open_scene(cleaned, Scene).splats) == 359


def test_the_evidence_is_gathered_once(tmp_path: Path) -> None:
    scene = strayed(tmp_path)
    assert not scene.cleaner.ready
    first = scene.cleaner.gathered()
    scene.floaters(0.9)
    assert scene.cleaner.ready and scene.cleaner.gathered() is first


@pytest.mark.parametrize("strength", [-1.0, 1.5, float("nan")])
def test_a_strength_outside_its_range_is_refused(tmp_path: Path, strength: float) -> None:
    with pytest.raises(PromptError, match="give a number from 0"):
        strayed(tmp_path).floaters(strength)


def test_an_unknown_reason_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="there is no reason 'dust'; the reasons are weak, alone, near, few"):
        strayed(tmp_path).floaters(reasons=["dust"])
