"""`splatseg batch`: a list is checked as a whole, every scene is done by its own command, and figures come together."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from splatseg.cli.commands.batching.tasks import Commanded, tasks_of
from splatseg.cli.commands.export import Export
from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture

DEMO = demo_capture()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with captures a, b and with spaces c d."""
    for name in ("a", "b", "c d"):
        (tmp_path / "captures" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "captures" / name).symlink_to(DEMO, target_is_directory=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def listed(folder: Path, *lines: str) -> str:
    """The path of a list with some lines."""
    (folder / "captures" / "list.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder / "captures" / "list.txt")


def masks_in(folder: Path, name: str = "000.png") -> None:
    """Make a folder with one mask."""
    folder.mkdir(parents=True)
    shutil.copy(DEMO / "masks" / "000.png", folder / name)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """The error, on one line."""
    return " ".join(capsys.readouterr().err.split())


def commands(folder: Path, source: str, *options: str, do: str = "train") -> dict[str, str]:
    """The command of each scene by its name."""
    tasks, _ = tasks_of(Path(source), folder / "out", do, options, overwrite=False)
    return {task.name: task.command for task in tasks}


def test_a_line_is_a_path_from_the_list_and_options_of_its_own(folder: Path) -> None:
    masks_in(folder / "captures" / "own")
    source = listed(
        folder,
        "# all of them",
        "",
        "a --masks own=2 --seed 3  # this one",
        '"c d" --name cd',
        f"b --masks {DEMO}/masks",
    )
    found = commands(folder, source, "--iterations", "10")
    captures, out = folder / "captures", folder / "out"
    assert found == {
        "a": f"splatseg train {captures}/a -o {out}/a --iterations 10 --masks {captures}/own=2 --seed 3 --resume",
        "cd": f"splatseg train '{captures}/c d' -o {out}/cd --iterations 10 --resume",
        "b": f"splatseg train {captures}/b -o {out}/b --iterations 10 --masks {DEMO}/masks --resume",
    }


def test_options_of_all_scenes_start_from_the_working_folder_and_are_filled_in(folder: Path) -> None:
    for name in ("a", "b"):
        masks_in(folder / "elsewhere" / "masks" / name)
    source = listed(folder, "a", "b")
    found = commands(folder, source, "--masks", "masks/{name}", "--true-masks={capture}/masks", "--masks", "auto")
    masks = folder / "elsewhere" / "masks"
    assert f"--masks {masks}/a --true-masks={folder}/captures/a/masks --masks auto" in found["a"]
    assert f"--masks {masks}/b --true-masks={folder}/captures/b/masks" in found["b"]


def test_a_folder_stands_for_the_captures_in_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "captures" / "notes").mkdir()
    tasks, others = tasks_of(folder / "captures", folder / "out", "train", [], overwrite=False)
    assert [task.name for task in tasks] == ["a", "b", "c d"] and others == ["notes"]
    assert run(["batch", str(folder / "elsewhere"), "-o", "out"]) == 2
    assert "is no folder of captures: it holds no folders; give the folder above them, or a list" in told(capsys)


@pytest.mark.parametrize("options", [["--masks"], ["--masks", str(DEMO / "masks"), "--true-masks"]], ids=len)
def test_masks_of_another_capture_are_refused_before_any_scene_is_begun(
    options: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks_in(folder / "elsewhere" / "masks" / "a")
    masks_in(folder / "elsewhere" / "masks" / "b", "other.png")
    (folder / "elsewhere" / "masks" / "empty").mkdir()
    words = ["batch", listed(folder, "a", "b"), "-o", "out", "--", *options]
    assert run([*words, "masks/{name}"]) == 2
    assert re.search(r"list.txt, line 2: no mask in \S+/masks/b has the name of a view: .* other.png", told(capsys))
    assert run([*words, "masks/empty"]) == 2
    assert re.search(r"list.txt, line 1: .*masks/empty .* \(1 other line has mistakes too\)", told(capsys))
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("lines", "options", "error"),
    [
        (["a", "gone"], [], "list.txt, line 2: .*captures/gone"),
        (["gone", "a", "gone2"], [], r"line 1: .*gone.* \(1 other line has mistakes too\)"),
        (
            ["a", "b --iteratoins 5"],
            [],
            "line 2: `splatseg train` has no option --iteratoins; did you mean",
        ),
        (["a"], ["--iterations", "many"], "line 1: --iterations takes INT, got 'many'"),
        (["a"], ["--masks", "nowhere"], "line 1: there are no masks at .*/elsewhere/nowhere; check the path"),
        (["a --masks nowhere"], [], "line 1: there are no masks at .*/captures/nowhere; check the path"),
        (["a", f"{DEMO} --name A"], [], "list.txt, line 1 and .*list.txt, line 2 are both called A; give one of them"),
        (["a --name batch"], [], "line 1: a scene cannot be called 'batch'"),
        (["a 'b"], [], "line 1: a quotation mark is not closed"),
        (["c d"], [], "line 1: 'd' behind the path is no option; put a path with spaces in quotes"),
        (["--seed 1"], [], "line 1: it does not begin with a path"),
        (["# nothing"], [], "list.txt lists no capture; write the path of one in each line"),
        (["a"], ["--masks", "{scene}"], r"line 1: there is no {scene} to fill in; there are {name} and {capture}"),
        (["a"], ["--resume"], "--resume is not needed: a batch that is repeated goes on by itself"),
        (["a -o x"], [], "line 1: -o is not for single scenes of a batch; leave it out"),
        (["a"], ["--granularity", "2"], "line 1: the granularity is 2"),
        (["a"], ["x"], "line 1: `splatseg train` does not know what to do with x"),
    ],
)
def test_a_mistake_in_one_line_is_told_before_any_other_is_begun(
    lines: list[str], options: list[str], error: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["batch", listed(folder, *lines), "-o", "out", "--", *options]) == 2
    said = told(capsys)
    assert re.search(error, said), said
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--do", "export"], "give --format behind --, such as --format spz"),
        (["--do", "export", "--", "--format", "spz"], "line 1: .*captures/a.* is not a run|line 1: .*no config.yaml"),
        (["--do", "evaluate"], "there is nothing to compare with; give --gt DIR behind --"),
        (["extra"], "does not know what to do with extra; put options of the job behind --"),
        (["--do", "trian"], "--do has no 'trian'; did you mean train"),
        (["--shard", "3"], "the shard '3' is none; write i/n"),
    ],
)
def test_other_mistakes_are_told_too(
    words: list[str], error: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["batch", listed(folder, "a"), "-o", "out", *words]) == 2
    said = told(capsys)
    assert re.search(error, said), said


def test_jobs_on_runs_find_them_in_the_folder_of_a_batch(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for name in ("one", "two"):
        shutil.copytree(small_run, out / name)
    shutil.rmtree(out / "two" / "masks")
    (out / "two" / "hierarchy.safetensors").write_bytes(b"damaged")
    options = ["--workers", "1", "--json", "-q"]
    assert run(["batch", str(out), "-o", str(out), "--do", "segment", *options, "--", "--granularity", "0.4"]) == 2
    printed = capsys.readouterr()
    facts = json.loads(printed.out)
    assert (facts["scenes"], facts["done"], facts["failed"]) == (2, 1, 1)
    assert "two" in facts["failures"] and "1 of 2 scenes failed (two: " in printed.err
    assert (out / "batch" / "one.webp").exists()
    assert run(["batch", str(out), "-o", str(out), "--do", "export", *options, "--", "--format", "spz"]) == 0
    assert (out / "one.spz").exists() and (out / "two.spz").exists()
    later = time.time() + 60
    os.utime(out / "one" / "splats.ply", (later, later))
    capsys.readouterr()
    assert run(["batch", str(out), "-o", str(out), "--do", "export", *options, "--", "--format", "spz"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["done"], facts["skipped"]) == (1, 1), "the one that was segmented since is exported anew"
    page = (out / "status.html").read_text()
    assert "<h1>out</h1>" in page or "out: export" in page


def test_masks_of_runs_are_checked_before_any_is_segmented(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        shutil.copytree(small_run, tmp_path / "out" / name)
    masks_in(tmp_path / "masks" / "one")
    masks_in(tmp_path / "masks" / "two", "other.png")
    monkeypatch.setattr("splatseg.formats.read.load_splats", lambda path: pytest.fail("no splat is read for it"))
    words = ["batch", str(tmp_path / "out"), "-o", str(tmp_path / "out"), "--do", "segment", "--"]
    assert run([*words, "--masks", str(tmp_path / "masks" / "{name}")]) == 2
    assert re.search(r"out/two: no mask in \S+/masks/two has the name of a view: .* other.png", told(capsys))
    assert run([*words, "--true-masks", str(tmp_path / "masks" / "gone")]) == 2
    assert re.search(r"there are no masks at \S+/gone; check the path \(1 other line has mistakes too\)", told(capsys))
    assert not (tmp_path / "out" / "batch").exists()


def test_what_was_exported_is_made_again_when_the_hierarchy_alone_changed(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(small_run, tmp_path / "out" / "one")
    words = ["batch", str(tmp_path / "out"), "-o", str(tmp_path / "out"), "--do", "export", "--workers", "1", "--json"]
    for changed in (False, True):
        if changed:
            later = time.time() + 60
            os.utime(tmp_path / "out" / "one" / "hierarchy.safetensors", (later, later))
        capsys.readouterr()
        assert run([*words, "--", "--format", "splat"]) == 0
        assert json.loads(capsys.readouterr().out)["done"] == 1
    capsys.readouterr()


def test_masks_are_made_for_every_capture_and_not_made_again_with_other_options(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["batch", listed(folder, "a", "b"), "-o", "out", "--do", "masks", "--workers", "1"]
    assert run([*words, "--", "--downscale", "8", "--shard", "1/32"]) == 0
    assert all(Path("out", name, "masks.json").exists() for name in "ab")
    capsys.readouterr()
    assert run([*words, "--json", "--", "--downscale", "8", "--shard", "1/32"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == 2
    assert run([*words, "--", "--downscale", "4", "--shard", "1/32"]) == 2
    assert "2 of 2 scenes were made with other options before (a, now with --downscale 4)" in told(capsys)


def test_overwrite_makes_runs_anew(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, fit = listed(folder, "a"), ["--downscale", "8", "--iterations"]
    assert run(["batch", source, "-o", "out", "--workers", "1", "--", *fit, "4"]) == 0
    assert run(["batch", source, "-o", "out", "--workers", "1", "--", *fit, "5"]) == 2
    assert "(a, now with --iterations 5); repeat the same command, name another folder with -o" in told(capsys)
    assert run(["batch", source, "-o", "out", "--workers", "1", "--overwrite", "--", *fit, "5"]) == 0
    assert "iterations: 5" in Path("out/a/config.yaml").read_text()
    assert (folder / "elsewhere" / "out" / "batch" / "a.webp").exists()


def test_a_job_whose_file_vanishes_is_told_in_a_sentence(tmp_path: Path) -> None:
    from splatseg.errors import RunError
    from splatseg.run.reporter import NullReporter

    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").mkdir()
    with pytest.raises(RunError, match=r"run/config.yaml cannot be read or written \(Is a directory\)|config.yaml"):
        Commanded(Export(tmp_path / "run", tmp_path / "x.spz"))(NullReporter())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="interrupts are sent otherwise on Windows")
def test_an_interrupted_batch_goes_on_to_the_same_bits(folder: Path) -> None:
    source = listed(folder, "a", "b --seed 1")
    script = "import sys; from splatseg.cli.main import run; sys.exit(run(sys.argv[1:]))"
    fit = ["--downscale", "4", "--iterations", "200"]
    command = ["batch", source, "-o", str(folder / "out"), "--workers", "1", "--", *fit]
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", script, *command], stderr=subprocess.PIPE, env=os.environ.copy()
    )
    metrics = folder / "out" / "a" / "metrics.jsonl"
    while process.poll() is None and not (metrics.exists() and '"step": 30' in metrics.read_text()):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert not (folder / "out" / "a" / "splats.ply").exists() and not (folder / "out" / "b").exists()
    assert run(command) == 0
    assert run(["train", str(folder / "captures" / "a"), "-o", str(folder / "alone"), *fit]) == 0
    alone = (folder / "alone" / "splats.ply").read_bytes()
    assert (folder / "out" / "a" / "splats.ply").read_bytes() == alone
    assert (folder / "out" / "b" / "splats.ply").read_bytes() != alone
