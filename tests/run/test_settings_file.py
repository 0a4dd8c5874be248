"""Settings survive the way to disk and back, and a damaged file says so."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from splatseg.errors import MaskError, RunError
from splatseg.features.contrast.settings import ContrastSettings
from splatseg.refine.settings import RefineSettings
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
        ("capture: 7\n", "capture is 7; an object with names is expected"),
        ("- a\n- b\n", "it is a list of 2; an object with names is expected"),
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
    assert (joint.train.iterations, joint.paper.iterations) == (30_000, 30_000)
    short = RunSettings.of(capture, masks="/m", method="paper", iterations=3_000)
    assert (short.train.iterations, short.paper.iterations) == (3_000, 3_000)
    assert short.paper.clustering_every == joint.paper.clustering_every // 10


def test_the_seed_reaches_every_part() -> None:
    settings = RunSettings.of(CaptureSettings("/c"), seed=5)
    parts = (settings.train, settings.paper, settings.contrast, settings.embed, settings.cluster)
    assert {part.seed for part in parts} == {5}


def test_iterations_are_those_of_the_fit_where_there_is_one_and_of_the_features_where_there_is_none() -> None:
    capture, usual = CaptureSettings("/c"), ContrastSettings().iterations
    fitted = RunSettings.of(capture, masks="/m", method="contrast", iterations=90)
    assert (fitted.train.iterations, fitted.contrast.iterations) == (90, usual)
    taken = RunSettings.of(capture, masks="/m", method="contrast", splats="/s.ply", iterations=90)
    assert taken.contrast.iterations == 90
    assert fitted.with_method("contrast", 40).contrast.iterations == 40


def test_settings_of_versions_whose_contrast_was_the_papers_are_read(tmp_path: Path) -> None:
    write_settings(tmp_path / "config.yaml", _settings())
    text = (tmp_path / "config.yaml").read_text()
    start, end = text.index("contrast:"), text.index("embed:")
    old = (text[:start] + text[end:]).replace("paper:", "contrast:")
    (tmp_path / "config.yaml").write_text(old.replace("method: contrast:", "method: paper"))
    assert read_settings(tmp_path / "config.yaml", RunSettings).paper == _settings().paper


def test_masks_are_folders_with_weights_however_they_are_given(tmp_path: Path) -> None:
    named = tmp_path / "run=7"
    named.mkdir()
    capture = CaptureSettings("/c")
    several = RunSettings.of(capture, masks=["/sam", "/person=2.5", named, "auto"], true_masks="/drawn")
    assert [(folder.path, folder.weight) for folder in several.masks] == [
        ("/sam", 1.0),
        ("/person", 2.5),
        (str(named), 1.0),
        ("auto", 1.0),
    ]
    assert several.proposes and several.true_masks == "/drawn"
    assert RunSettings.of(capture, masks="/sam").masks == RunSettings.of(capture, masks=[Path("/sam=1")]).masks
    write_settings(tmp_path / "config.yaml", several)
    assert read_settings(tmp_path / "config.yaml", RunSettings) == several


@pytest.mark.parametrize(("old", "masks"), [("/captures/room/masks", [("/captures/room/masks", 1.0)]), ("null", [])])
def test_the_masks_of_an_earlier_version_are_read(tmp_path: Path, old: str, masks: list[tuple[str, float]]) -> None:
    (tmp_path / "config.yaml").write_text(f"capture: {{path: /captures/room}}\nmasks: {old}\n")
    found = read_settings(tmp_path / "config.yaml", RunSettings)
    assert [(folder.path, folder.weight) for folder in found.masks] == masks


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf", "heavy", ""])
def test_a_weight_that_is_no_number_above_0_is_told(weight: str) -> None:
    with pytest.raises(
        MaskError, match=rf"the masks '/sam={weight}' have the weight '{weight}'; give a number above 0"
    ):
        RunSettings.of(CaptureSettings("/c"), masks=f"/sam={weight}")


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_a_run_could_not_be_repeated_with_is_told_before_it_is_made(seed: int) -> None:
    with pytest.raises(RunError, match=f"the seed is {seed}; give a whole number from 0"):
        RunSettings.of(CaptureSettings("/c"), seed=seed)


def test_every_default_setting_and_the_settings_of_all_methods_survive_the_disk(tmp_path: Path) -> None:
    for method in ("lift", "contrast", "paper"):
        settings = RunSettings.of(CaptureSettings("/c"), masks=["auto", "/m=2"], method=method, true_masks="/t")
        settings = dataclasses.replace(settings, refine=RefineSettings(), splats="/s.ply")
        write_settings(tmp_path / "config.yaml", settings)
        assert read_settings(tmp_path / "config.yaml", RunSettings) == settings


@pytest.mark.parametrize(("text", "value"), [("1e-3", 1e-3), ("1.5E+2", 150.0), ("2", 2.0), ("0.25", 0.25)])
def test_a_number_is_read_however_it_is_written(tmp_path: Path, text: str, value: float) -> None:
    (tmp_path / "config.yaml").write_text(f"capture: {{path: a}}\ntrain: {{lr_means: {text}}}\n")
    assert read_settings(tmp_path / "config.yaml", RunSettings).train.lr_means == value
