"""Settings survive the way to disk and back, and a damaged file says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from splatseg.errors import RunError
from splatseg.run.settings import CaptureSettings, RunSettings
from splatseg.run.settings_file import read_settings, write_settings


def _settings() -> RunSettings:
    capture = CaptureSettings(path="/captures/kitchen", downscale=2, test_names=("left/000.jpg", "left/007.jpg"))
    return RunSettings.of(capture, masks="/captures/kitchen/masks", method="paper", iterations=700, seed=3)


def test_settings_read_back_are_the_settings_written(tmp_path: Path) -> None:
    write_settings(tmp_path / "config.yaml", _settings())
    assert read_settings(tmp_path / "config.yaml", RunSettings) == _settings()


def test_settings_that_are_missing_take_their_defaults(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("capture: {path: /captures/room}\n")
    assert read_settings(tmp_path / "config.yaml", RunSettings) == RunSettings(CaptureSettings("/captures/room"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("capture: [", "cannot be read as YAML"),
        ("capture: {path: a}\nspeed: 3\n", "no setting named speed"),
        ("capture: 7\n", "CaptureSettings should be a mapping, found int"),
        ("- a\n- b\n", "RunSettings should be a mapping, found list"),
        ("seed: 3\n", "capture"),
    ],
)
def test_a_damaged_settings_file_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(RunError, match=said):
        read_settings(tmp_path / "config.yaml", RunSettings)


def test_a_folder_without_settings_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is not a run: it has no config\.yaml; make one with `splatseg train`"):
        read_settings(tmp_path / "config.yaml", RunSettings)


def test_the_paper_trains_jointly_for_30000_steps_unless_told_otherwise() -> None:
    capture = CaptureSettings("/c")
    joint = RunSettings.of(capture, masks="/m", method="paper")
    assert (joint.train.iterations, joint.contrast.iterations) == (30_000, 30_000)
    short = RunSettings.of(capture, masks="/m", method="paper", iterations=3_000)
    assert (short.train.iterations, short.contrast.iterations) == (3_000, 3_000)
    assert short.contrast.clustering_every == joint.contrast.clustering_every // 10


def test_the_seed_reaches_every_part() -> None:
    settings = RunSettings.of(CaptureSettings("/c"), seed=5)
    assert {settings.train.seed, settings.contrast.seed, settings.embed.seed, settings.cluster.seed} == {5}
