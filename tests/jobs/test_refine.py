"""Refining overwrites nothing but what an earlier refinement, killed before its end, left behind."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from splatseg.errors import RunError
from splatseg.jobs.refine import refine_run
from splatseg.refine.settings import RefineSettings
from splatseg.run.create import create_run
from splatseg.run.settings import CaptureSettings, RunSettings

SETTINGS = RunSettings.of(CaptureSettings("/captures/kitchen"))
REFINED = dataclasses.replace(SETTINGS, refine=RefineSettings())


@pytest.mark.parametrize(
    ("settings", "finished", "refused"), [(REFINED, False, False), (REFINED, True, True), (SETTINGS, False, True)]
)
def test_only_an_unfinished_refinement_may_begin_anew(
    tmp_path: Path, settings: RunSettings, finished: bool, refused: bool
) -> None:
    run, there = create_run(tmp_path / "run", SETTINGS), create_run(tmp_path / "out", settings)
    there.splats_path.touch()
    if finished:
        there.segments_path.touch()
    # The run itself is not finished either, which is found after its place.
    with pytest.raises(RunError, match="refining overwrites nothing" if refused else "its training did not finish"):
        refine_run(run, there.path)
    assert there.splats_path.exists()
