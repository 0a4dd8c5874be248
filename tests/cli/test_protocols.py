"""`splatseg evaluate --protocol`: every benchmark on a small run and on given masks, and what can go wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_language_models
from benchmark_layouts import (
    OBJECTS,
    copy_masks,
    lerf_mask,
    lerf_mask_capture,
    nvos,
    spin_nerf,
    three_d_ovs,
    true_mask,
    write_label,
)

from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture
from splatseg.errors import PromptError
from splatseg.evaluate.protocols.registry import PROTOCOLS
from splatseg.evaluate.protocols.score import score_predictions
from splatseg.jobs.protocol import evaluate_protocol, prompts_of_reference, silhouette, tasks_of
from splatseg.run.folder import Run, open_run
from splatseg.run.reporter import NullReporter
from splatseg.select.mask_prompt import select_by_mask
from splatseg.select.match import Match

TEST_VIEWS = ("000.jpg", "008.jpg")


@pytest.fixture(scope="module")
def benchmark_run(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The demo as a whole scene of LERF-Mask (test_0.jpg, ..., frame_001.jpg, ...), and a run trained on its split."""
    root = tmp_path_factory.mktemp("benchmark")
    data = lerf_mask_capture(root / "table", demo_capture(), OBJECTS, TEST_VIEWS)
    masks = renamed_masks(data, demo_capture() / "masks", root / "masks")
    listed = ["--write-test-views", str(root / "views.txt")]
    assert run(["evaluate", "--protocol", "lerf-mask", str(data), *listed]) == 0
    train = ["train", str(data), "-o", str(root / "run"), "--masks", str(masks), "--downscale", "4"]
    geometry = ["--splats", str(small_run / "splats.ply"), "--test-views", str(root / "views.txt")]
    assert run([*train, *geometry]) == 0
    return data, root / "run"


def renamed_masks(data: Path, source: Path, target: Path) -> Path:
    """Input masks of the training views of a LERF-Mask capture made from another."""
    target.mkdir()
    for path in sorted((data / "images_train").iterdir()):
        (target / f"{path.stem}.png").write_bytes((source / f"{path.stem.removeprefix('frame_')}.png").read_bytes())
    return target


def lerf_ovs(folder: Path) -> Path:
    """Boxes of the objects in two frames of a capture whose views are named frame_001.jpg, ..."""
    for number in ("001", "002"):
        things = []
        for name, label in OBJECTS.items():
            ys, xs = np.nonzero(true_mask(f"{number}.jpg", label))
            left, right, top, bottom = (float(value) for value in (xs.min(), xs.max(), ys.min(), ys.max()))
            things.append((name, [[left, top], [right, top], [right, bottom], [left, bottom]]))
        write_label(folder / "label" / "table" / f"frame_{number}.json", things, 320, 240)
    return folder


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "lerf-mask": lerf_mask,
    "3d-ovs": three_d_ovs,
    "nvos": nvos,
    "spin-nerf": spin_nerf,
}
LEAST = {"lerf-mask": 0.2, "3d-ovs": 0.2, "nvos": 0.05, "spin-nerf": 0.2}
"""mIoU of the oracle on a run of 80x60 pixels and 120 steps: that the prompts reach it, not that it is good."""


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert run(arguments) == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_a_run_answers_the_oracles_prompts_and_its_masks_score_the_same_when_given(
    small_run: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = LAYOUTS[name](tmp_path / "table")
    arguments = ["evaluate", "--protocol", name, str(data), "--run", str(small_run)]
    assert run([*arguments, "-o", str(tmp_path / "masks"), "--figures", str(tmp_path / "score.json")]) == 0
    printed = capsys.readouterr().out
    assert "prompts: oracle" in printed and "in the literature" in printed and "mean of 1" in printed
    score = json.loads((tmp_path / "score.json").read_text())
    assert score["protocol"] == name and score["figures"]["miou"] > LEAST[name]
    again = score_predictions(PROTOCOLS[name], data, tmp_path / "masks")
    assert again.figures == pytest.approx(score["figures"], abs=1e-12) and again.prompts == "given"


def test_a_whole_scene_of_lerf_mask_is_trained_on_its_split_and_scored_in_its_test_views(
    benchmark_run: tuple[Path, Path], tmp_path: Path
) -> None:
    data, folder = benchmark_run
    trained = {view.name for view in open_run(folder).capture.split("train")}
    assert len(trained) == 62 and not trained & {"test_0.jpg", "test_1.jpg"}
    out = ["--figures", str(tmp_path / "score.json")]
    assert run(["evaluate", "--protocol", "lerf-mask", str(data), "--run", str(folder), *out]) == 0
    (task,) = json.loads((tmp_path / "score.json").read_text())["tasks"]
    assert [row["view"] for row in task["rows"]] == ["0", "1"] * 3 and task["trained_on_scored_views"] == []
    assert task["figures"]["miou"] > 0.3


def test_two_counts_of_lerf_ovs_draw_the_same_selections_differently(
    benchmark_run: tuple[Path, Path], tmp_path: Path
) -> None:
    data, opened = lerf_ovs(tmp_path), open_run(benchmark_run[1])
    scores = {name: evaluate_protocol([opened], name, data) for name in ("lerf-ovs", "lerf-ovs-2d")}
    direct, rendered = (scores[name].tasks[0] for name in ("lerf-ovs", "lerf-ovs-2d"))
    assert direct.trained_on == rendered.trained_on == ("frame_001", "frame_002")
    assert min(direct.figures["miou"], rendered.figures["miou"]) > 0.2 and direct.figures["acc25"] > 0.5
    assert rendered.figures["localisation"] == 1
    assert [row.intersection for row in direct.rows] != [row.intersection for row in rendered.rows]


def test_frames_that_are_no_views_of_the_run_are_listed(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(["evaluate", "--protocol", "lerf-ovs", str(lerf_ovs(tmp_path)), "--run", str(small_run)], capsys)
    assert "lacks 2 of the 2 views of table (frame_001, frame_002); train on the benchmark's own capture" in told


def test_a_silhouette_is_of_a_selection_drawn_alone(small_run: Path) -> None:
    opened = open_run(small_run)
    splats, view = opened.splats(), opened.capture.view("001.jpg")
    everything = silhouette(splats, np.ones(len(splats), bool), view.camera)
    half = np.arange(len(splats)) % 2 == 0
    alone = silhouette(splats, half, view.camera)
    assert everything.mean() > 0.9 and 0 < alone.sum() < everything.sum() and not (alone & ~everything).any()


def test_masks_of_others_are_scored_without_a_run_and_what_is_missing_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = lerf_mask(tmp_path / "table")
    pred = copy_masks(data / "test_mask", tmp_path / "pred")
    (pred / "2" / "donut.png").unlink()
    assert run(["evaluate", "--protocol", "lerf-mask", str(data), "--predictions", str(pred)]) == 0
    out, err = capsys.readouterr()
    assert "prompts: given" in out
    assert "1 of 5 predictions are missing and score 0: table/2/donut" in " ".join(err.split())


def test_words_are_asked_through_a_callable_and_what_they_do_not_find_scores_0(small_run: Path, tmp_path: Path) -> None:
    data = lerf_mask(tmp_path / "table")
    asked = []

    def words(opened: Run, text: str) -> Match:
        asked.append(text)
        if text == "donut":
            raise PromptError("no donut was found")
        view = opened.capture.view("001.jpg")
        mask = true_mask("001.jpg", OBJECTS[text])[::4, ::4]
        return select_by_mask(opened.splats(), view.camera, mask)

    score = evaluate_protocol([open_run(small_run)], "lerf-mask", data, words=words)
    assert asked == ["donut", "red mug", "vase"] and score.prompts == "text"
    assert score.tasks[0].missing == ["0/donut", "2/donut"] and score.figures["miou"] > 0


def test_a_run_that_was_trained_on_held_out_views_is_warned_of(small_run: Path, tmp_path: Path) -> None:
    data = lerf_mask(tmp_path / "table")
    reporter = NullReporter()
    assert evaluate_protocol([open_run(small_run)], "lerf-mask", data, reporter=reporter).tasks[0].trained_on == ()
    assert reporter.warnings == []
    (data / "images_train" / "000.jpg").touch()
    (data / "images_train" / "001.jpg").unlink()
    score = evaluate_protocol([open_run(small_run)], "lerf-mask", data, reporter=reporter)
    assert score.tasks[0].trained_on == ("0",)  # now 001, 008, 016 are held out, and the run was trained on 001
    (warning,) = reporter.warnings
    assert "was trained on 1 views that are held out in table" in warning and "--write-test-views" in warning


def test_the_held_out_views_are_written_for_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = lerf_mask(tmp_path / "table")
    arguments = ["evaluate", "--protocol", "lerf-mask", str(data), "--write-test-views", str(tmp_path / "views.txt")]
    assert run(arguments) == 0
    assert "3 views of table to hold out" in " ".join(capsys.readouterr().out.split())
    assert (tmp_path / "views.txt").read_text() == "000.jpg\n008.jpg\n016.jpg\n"
    lerf_mask(tmp_path / "both" / "one")
    lerf_mask(tmp_path / "both" / "two")
    told = said(["evaluate", "--protocol", "lerf-mask", str(tmp_path / "both"), *arguments[-2:]], capsys)
    assert "holds several scenes; name one with --scenes: one, two" in told


def test_a_run_belongs_to_the_scene_that_its_capture_is_named_after(small_run: Path, tmp_path: Path) -> None:
    opened = open_run(small_run)  # of a capture whose folder is named data
    for name in ("Data", "other"):
        lerf_mask(tmp_path / name)
    tasks = PROTOCOLS["lerf-mask"].read(tmp_path)
    assert [task.name for task in tasks_of(opened, tasks)] == ["Data"]
    assert [task.name for task in tasks_of(opened, tasks[1:])] == ["other"]
    for name in ("data_left", "data_right", "other"):
        nvos(tmp_path / "labels", name)
    found = tasks_of(opened, PROTOCOLS["nvos"].read(tmp_path / "labels"))
    assert [task.name for task in found] == ["data_left", "data_right"]


def test_what_is_asked_wrongly_is_told(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(lerf_mask(tmp_path / "both" / "one"))
    lerf_mask(tmp_path / "both" / "two")
    start = ["evaluate", "--protocol", "lerf-mask"]
    assert "give --gt DIR (instance label maps), or --protocol lerf-mask|" in said(["evaluate", data], capsys)
    assert "scores runs (--run RUN) or masks (--predictions DIR)" in said([*start, data], capsys)
    both = [*start, data, "--run", str(small_run), "--predictions", data]
    assert "give one of the two" in said(both, capsys)
    assert "words need a model" in said([*start, data, "--run", str(small_run), "--prompts", "text"], capsys)
    unsure = said([*start, str(tmp_path / "both"), "--run", str(small_run)], capsys)
    assert "no scene has that name; name its scene with --scenes: one, two" in unsure
    assert "lacks test_mask; LERF-Mask is laid out as" in said(
        [*start, str(small_run), "--run", str(small_run)], capsys
    )


def test_scribbles_become_clicks_at_the_size_of_the_view(small_run: Path, tmp_path: Path) -> None:
    (task,) = PROTOCOLS["nvos"].read(nvos(tmp_path))
    view = open_run(small_run).capture.view("001.jpg")
    prompts = prompts_of_reference(task.references["table"], view)
    truth = true_mask("001.jpg", 18)[::4, ::4]
    assert [prompt.wanted for prompt in prompts].count(False) == 8 and 4 <= len(prompts) - 8 <= 8
    for prompt in prompts:
        assert prompt.click is not None
        x, y = (int(value) for value in prompt.click)
        assert truth[y, x] == prompt.wanted


@pytest.mark.slow
def test_tabletop_in_the_layout_of_lerf_mask_is_trained_on_its_split_and_scored(
    shared_data: Path, tmp_path: Path
) -> None:
    scene = shared_data / "tabletop"
    facts = json.loads((scene / "gt" / "scene.json").read_text())
    things = {name.replace("_", " "): int(label) for label, name in facts["objects"].items()}
    things = {name: label for name, label in things.items() if label not in facts["stuff"]}
    views = [path.name for path in sorted((scene / "images").iterdir())][::20]
    data = lerf_mask_capture(tmp_path / "tabletop", scene, things, tuple(views))
    masks = renamed_masks(data, scene / "masks_sim", tmp_path / "masks")
    start = ["evaluate", "--protocol", "lerf-mask", str(data)]
    assert run([*start, "--write-test-views", str(tmp_path / "views.txt")]) == 0
    assert (tmp_path / "views.txt").read_text().split() == [f"test_{i}.jpg" for i in range(len(views))]
    train = ["train", str(data), "-o", str(tmp_path / "run"), "--masks", str(masks), "--downscale", "2"]
    assert run([*train, "--iterations", "700", "--test-views", str(tmp_path / "views.txt")]) == 0
    assert run([*start, "--run", str(tmp_path / "run"), "--figures", str(tmp_path / "score.json")]) == 0
    score = json.loads((tmp_path / "score.json").read_text())
    assert score["tasks"][0]["trained_on_scored_views"] == []
    assert score["figures"]["miou"] > 0.6 and score["figures"]["mbiou"] > 0.4


def test_a_model_of_words_without_words_is_refused_and_words_without_a_run_are(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["evaluate", "--protocol", "spin-nerf", str(spin_nerf(tmp_path / "table"))]
    assert "add --prompts text" in said([*data, "--run", str(small_run), "--model", "clip"], capsys)
    assert "give --run RUN" in said([*data, "--predictions", str(tmp_path), "--prompts", "text"], capsys)


def test_the_protocols_words_are_asked_by_the_route_of_the_model(small_run: Path, tmp_path: Path) -> None:
    data, own = spin_nerf(tmp_path / "table"), tmp_path / "run"
    shutil.copytree(small_run, own)
    weights = tiny_language_models.tiny_clip(tmp_path / "clip")
    assert run(["words", str(own), "--model", str(weights)]) == 0
    arguments = ["evaluate", "--protocol", "spin-nerf", str(data), "--run", str(own), "--prompts", "text"]
    assert run([*arguments, "--figures", str(tmp_path / "score.json")]) == 0
    score = json.loads((tmp_path / "score.json").read_text())
    assert score["prompts"] == "text" and 0.0 <= score["figures"]["miou"] <= 1.0
