"""A run whose files a person edited, or a stranger sent: the right value or one sentence, and nothing half done."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_runs import contents

import splatseg.jobs.info
from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture
from splatseg.files import write_json
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.ply.ply import read_ply, write_ply
from splatseg.jobs.info import describe_run
from splatseg.run.folder import open_run
from splatseg.segments.segments_json import read_segments
from splatseg.splats.made_of import FEATURES, GEOMETRY, SEGMENTS, made_of, recorded
from splatseg.splats.splats import splats_of


@pytest.fixture
def folder(small_run: Path, tmp_path: Path) -> Path:
    """A copy of the small run, to be changed."""
    shutil.copytree(small_run, tmp_path / "run")
    (tmp_path / "run" / "evaluation.json").unlink(missing_ok=True)
    return tmp_path / "run"


@pytest.fixture
def light(small_run: Path, tmp_path: Path) -> Path:
    """Of the small run what `splatseg info` reads, to be changed."""
    (tmp_path / "run").mkdir()
    for name in ("config.yaml", "splats.ply", "segments.json"):
        shutil.copy(small_run / name, tmp_path / "run" / name)
    return tmp_path / "run"


def told(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    capsys.readouterr()
    assert run(arguments) == code
    return " ".join(capsys.readouterr().err.split())


CONFIG = [
    ("seed: 0\n", "seed: abc\n", "seed is 'abc'; a whole number"),
    ("seed: 0\n", "seed: true\n", "seed is true; a whole number"),
    ("seed: 0\n", "seed: .inf\n", "seed is infinite"),
    ("seed: 0\n", "seed: -1\n", "seed is -1; a whole number from 0"),
    ("method: lift", "method: magic", "method is 'magic'; one of lift, contrast, paper is expected"),
    ("seed: 0\n", "seed: 0\nseed: 1\n", "the name 'seed' is given twice"),
    ("seed: 0\n", "seed: 0\n2026-02-31: 1\n", "the value '2026-02-31' is impossible"),
    ("test_every: 8", "test_every: [8]", "capture, test_every is a list of 1"),
    ("granularity: 0.5", "granularity: 7", "granularity must be in 0..1"),
    ("granularity: 0.5", "granularity: .nan", "cluster, granularity is not a number"),
    ("weight: 1.0", "weight: 0", "masks, item 1: the weight of masks must be a number above 0"),
    ("downscale: 4", "downscale: {}", "capture, downscale is an object"),
]


@pytest.mark.parametrize(("old", "new", "said"), CONFIG, ids=[new.strip() for _, new, _ in CONFIG])
def test_a_setting_that_is_none_is_named(
    light: Path, old: str, new: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (light / "config.yaml").read_text()
    assert old in text
    (light / "config.yaml").write_text(text.replace(old, new, 1))
    message = told(["info", str(light)], capsys)
    assert "config.yaml" in message and said in message


ROW = [
    ("id", float("inf"), "id is infinite"),
    ("id", 2, "its id 2 is that of an earlier row"),
    ("id", True, "id is true"),
    ("id", "1", "id is '1'"),
    ("count", float("nan"), "count is not a number"),
    ("count", -5, "count is -5"),
    ("parent", 1e300, "parent is 1"),
    ("name", None, "name is null"),
    ("name", "\ud800", "name is"),
    ("box", [[0, 0, 0]], "box is a list of 1"),
    ("box", [[0, 0, "x"], [1, 1, 1]], "box, corner 1, item 3 is 'x'"),
    ("color", ["#000000"], "color is a list of 1"),
    ("confidence", 2, "confidence is 2"),
]


@pytest.mark.parametrize(("name", "value", "said"), ROW, ids=[f"{name}={value!r}" for name, value, _ in ROW])
def test_a_row_of_the_table_that_is_none_is_named(
    light: Path, name: str, value: object, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = json.loads((light / "segments.json").read_text())
    assert [row["id"] for row in rows[:2]] == [1, 2]
    rows[0][name] = value
    (light / "segments.json").write_text(json.dumps(rows))
    message = told(["info", str(light)], capsys)
    number = 2 if (name, value) == ("id", 2) else 1
    assert f"row {number} of" in message and "segments.json is not a segment" in message and said in message


def test_a_log_and_an_evaluation_that_cannot_be_read_do_not_end_a_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (folder / "metrics.jsonl").open("ab") as file:
        file.write(b"5\n\xff\n")
    (folder / "evaluation.json").write_text('{"means": {"miou": 0.9')
    said = told(["segment", str(folder), "--granularity", "0.3"], capsys, 0)
    assert "metrics.jsonl cannot be read as a whole" in said and "2 of its" in said
    assert "evaluation.json cannot be read (line 1: " in said and "so its figures are left out" in said
    assert open_run(folder).settings.cluster.granularity == 0.3


EVALUATIONS = [[], 5, {"means": 5}, {"means": {"miou": 1e999}}, {"means": {"ari": "good"}}, {}]
EVALUATIONS += [{"means": {}, "objects": {"things": [{"name": 5}]}}, {"means": {}, "objects": {"stuff": 3}}]


@pytest.mark.parametrize("content", EVALUATIONS, ids=repr)
def test_an_evaluation_that_is_none_is_told_and_left_out(light: Path, content: object) -> None:
    from splatseg.report.evaluated import read_evaluated

    opened = open_run(light)
    opened.evaluation_path.write_text(json.dumps(content))
    found = read_evaluated(opened, opened.splats())
    assert found.accuracy == {} and found.objects == ()
    assert "evaluation.json cannot be read (" in found.trouble and "evaluate" in found.trouble


def evaluation(folder: Path, parts: tuple[str, ...]) -> None:
    splats = open_run(folder).splats()
    row = {"name": "mug", "prompt_view": "000.jpg", "iou": 0.77, "boundary_iou": 0.5}
    means = {"psnr": 20.0, "ssim": 0.5, "miou": 0.987, "mbiou": None, "ari": -0.123}
    facts = {"means": means, "objects": {"things": [row], "stuff": []}}
    write_json(folder / "evaluation.json", facts | ({"made_of": made_of(splats, *parts)} if parts else {}))


def test_figures_are_shown_only_of_the_segments_they_were_measured_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation(folder, (GEOMETRY, FEATURES, SEGMENTS))
    # A new name changes nothing that was measured, and neither do the same segments once more.
    rows = json.loads((folder / "segments.json").read_text())
    rows[0]["name"], rows[0]["color"] = "table", "#123456"
    (folder / "segments.json").write_text(json.dumps(rows))
    capsys.readouterr()
    assert run(["segment", str(folder)]) == 0
    assert "0.987" in capsys.readouterr().out
    page = (folder / "report.html").read_text()
    assert "0.987" in page and "0.77" in page
    assert run(["segment", str(folder), "--granularity", "1.0"]) == 0
    shown = capsys.readouterr()
    assert "0.987" not in shown.out and "-0.123" not in shown.out
    assert "evaluation.json was measured on earlier segments" in " ".join(shown.err.split())
    page = (folder / "report.html").read_text()
    assert "0.987" not in page and "0.77" not in page and "-0.123" not in page


def test_figures_of_an_earlier_version_that_do_not_say_what_they_are_of_are_not_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation(folder, ())
    said = told(["segment", str(folder), "--granularity", "0.5"], capsys, 0)
    assert "evaluation.json does not say what it was measured on" in said
    shown = re.sub(r"<[^>]*>", " ", (folder / "report.html").read_text())  # attributes hold shares of any value
    assert "0.987" not in shown


def test_an_evaluation_is_of_the_run_it_was_made_of(folder: Path) -> None:
    assert run(["evaluate", str(folder), "--gt", str(demo_capture() / "gt" / "instance")]) == 0
    opened = open_run(folder)
    assert recorded(opened.evaluation_path) == made_of(opened.splats(), GEOMETRY, FEATURES, SEGMENTS)


def refit(folder: Path) -> None:
    splats = splats_of(read_ply(folder / "splats.ply"))
    write_ply(folder / "splats.ply", splats.replace(means=splats.means + 0.01))


def other_features(folder: Path) -> None:
    splats = splats_of(read_ply(folder / "splats.ply"))
    write_ply(folder / "splats.ply", splats.replace(features=splats.features.flip(1)))


@pytest.mark.parametrize("change", [refit, other_features])
def test_votes_and_hierarchy_of_another_splat_are_not_used(
    folder: Path, change: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder)
    before = contents(folder)
    for arguments in (
        ["segment", str(folder), "--granularity", "0.2"],
        ["select", str(folder), "--view", "001.jpg", "--click", "40,30", "-o", str(folder.parent / "out")],
    ):
        said = told(arguments, capsys)
        assert "was made of another" in said and "run `splatseg segment" in said
    assert contents(folder) == before
    assert run(["segment", str(folder)]) == 0
    assert run(["segment", str(folder), "--granularity", "0.2"]) == 0


def test_a_run_of_an_earlier_version_without_digests_opens_and_is_cut_again(folder: Path) -> None:
    from splatseg.cluster.hierarchy_file import read_hierarchy, write_hierarchy
    from splatseg.votes.file import read_votes, write_votes

    opened = open_run(folder)
    write_votes(opened.votes_path, read_votes(opened.votes_path))
    write_hierarchy(opened.hierarchy_path, read_hierarchy(opened.hierarchy_path))
    assert recorded(opened.votes_path) == recorded(opened.hierarchy_path) == {}
    assert run(["segment", str(folder), "--granularity", "0.2"]) == 0


def test_names_and_merged_segments_make_no_votes_stale(folder: Path) -> None:
    import splatseg

    scene = splatseg.open(folder)
    first, second = (row.id for row in read_segments(folder / "segments.json")[:2])
    scene.segments.rename(first, "all")
    scene.segments.merge([first, second])
    scene.close()
    opened = open_run(folder)
    assert opened.agreement() is not None and opened.hierarchy() is not None
    assert run(["segment", str(folder), "--granularity", "0.4"]) == 0


@pytest.mark.parametrize("arguments", [["--granularity", "0.2"], ["--masks", "gone"], ["--method", "contrast"]])
def test_a_command_that_fails_leaves_the_run_as_it_was(
    folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace(str(demo_capture()), str(folder / "moved")))
    kept = json.loads((folder / "cameras.json").read_text())
    (folder / "cameras.json").write_text(json.dumps(kept | {"capture": "gone"}))
    before = contents(folder)
    told(["segment", str(folder), *arguments], capsys)
    assert contents(folder) == before


def test_a_command_that_is_stopped_between_votes_and_segments_leaves_the_run_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import splatseg.jobs.blocks.pieces

    def stopped(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    before = contents(folder)
    monkeypatch.setattr(splatseg.jobs.blocks.pieces, "write_ply", stopped)
    assert run(["segment", str(folder), "--granularity", "0.2"]) == 130
    after = contents(folder)
    # The log tells what was done; all else is untouched.
    assert after.pop("metrics.jsonl").startswith(before.pop("metrics.jsonl")) and after == before


def test_the_report_of_an_earlier_state_is_called_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["info", str(folder)]) == 0
    assert "earlier state" not in capsys.readouterr().out
    refit(folder)
    assert run(["info", str(folder)]) == 0
    assert "report.html (of an earlier state of the run; `splatseg report" in capsys.readouterr().out


def test_info_reads_the_splat_of_a_run_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, real = list[Path](), open_blocks
    monkeypatch.setattr(splatseg.jobs.info, "open_blocks", lambda path: read.append(path) or real(path))
    with_report = describe_run(folder)
    assert read == [folder / "splats.ply"] and "report" in with_report
    (folder / "report.html").unlink()
    assert list(describe_run(folder).items()) == list(with_report.items())[:-1]
    assert read == [folder / "splats.ply"] * 2
