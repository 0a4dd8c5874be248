"""What a user gets wrong is told in a sentence, ends with exit code 2, and leaves nothing behind."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture
from splatseg.formats.ply.ply import read_ply, write_ply
from splatseg.splats.splats import splats_of


def _said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return " ".join(captured.err.split())


def test_a_capture_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(["train", str(tmp_path / "nothing"), "-o", str(tmp_path / "run")], capsys)
    assert "nothing" in said
    assert not (tmp_path / "run").exists()


def test_masks_that_match_no_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.ones((4, 4), np.uint8)).save(tmp_path / "holiday.png")
    said = _said(["train", str(demo_capture()), "-o", str(tmp_path / "run"), "--masks", str(tmp_path)], capsys)
    assert "holiday" in said and "000" in said
    assert not (tmp_path / "run").exists()


def test_a_run_that_exists(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (small_run / "splats.ply").read_bytes()
    said = _said(["train", str(demo_capture()), "-o", str(small_run)], capsys)
    assert "use --resume to continue it or --overwrite to replace it" in said
    assert (small_run / "splats.ply").read_bytes() == before


def test_a_splat_that_is_cut_short(tmp_path: Path, small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = tmp_path / "cut.ply"
    cut.write_bytes((small_run / "splats.ply").read_bytes()[:5000])
    said = _said(["train", str(demo_capture()), "-o", str(tmp_path / "run"), "--splats", str(cut)], capsys)
    assert "cut.ply" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (["--view", "nope.jpg", "--click", "1,1"], "nope.jpg"),
        (["--view", "001.jpg", "--click", "500,1"], "500"),
        (["--view", "001.jpg", "--click", "here"], "--click takes X,Y in pixels, got 'here'"),
        (["--view", "001.jpg", "--box", "1,2,3"], "--box takes X0,Y0,X1,Y1 in pixels, got '1,2,3'"),
        (["--view", "001.jpg"], "there is no prompt; give at least one of --click X,Y"),
        (["--view", "001.jpg", "--not-click", "1,1"], "there is no prompt"),
        (["--click", "1,1"], "names no view; give --view NAME, or write NAME:1,1"),
        (["--click", "nope.jpg:1,1"], "the prompt 'nope.jpg:1,1' names no view"),
        (["--view", "001.jpg", "--click", "40,30", "--not-click", "a,b"], "--not-click takes X,Y in pixels, got 'a,b'"),
        (["--view", "001.jpg", "--click", "40,30", "--granularity", "7"], "give a number from 0 (parts) to 1 (groups)"),
        (["--view", "001.jpg", "--click", "40,30", "--grow", "-1"], "--grow and --shrink count steps, got -1"),
        (["--view", "001.jpg", "--mask", "gone.png"], "there is no mask at gone.png"),
        (["--view", "001.jpg", "--click", "40,30", "--threshold", "1.5"], "threshold"),
    ],
)
def test_a_prompt_that_cannot_be(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], prompt: list[str], expected: str
) -> None:
    assert expected in _said(["select", str(small_run), *prompt, "-o", str(tmp_path / "out")], capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--what", "rgb", "--segment", "1"], "--segment chooses masks and does not apply to --what rgb"),
        (["--what", "depth", "--antialias"], "--antialias applies to --what masks and --what segments, not to"),
        (["--what", "masks", "--segment", "9999"], "there is no segment 9999; the segments are 1-"),
        (["--what", "rgb", "--cameras", "gone"], "there is no folder: gone; expected a COLMAP model"),
        (["--what", "rgb", "--cameras", "gone", "--split", "test"], "give one of them"),
    ],
)
def test_a_picture_that_cannot_be(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], expected: str
) -> None:
    assert expected in _said(["render", str(small_run), *options, "-o", str(tmp_path / "out")], capsys)
    assert not (tmp_path / "out").exists()


def test_cameras_that_are_not_there_for_a_selection(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["select", str(small_run), "--view", "001.jpg", "--click", "40,30", "--cameras", str(tmp_path)]
    assert "holds no cameras" in _said([*arguments, "-o", str(tmp_path / "out")], capsys)
    assert not (tmp_path / "out").exists()


def test_a_mask_that_is_black_selects_nothing(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.zeros((60, 80), np.uint8)).save(tmp_path / "black.png")
    arguments = ["select", str(small_run), "--view", "001.jpg", "--mask", str(tmp_path / "black.png")]
    assert "is black all over" in _said([*arguments, "-o", str(tmp_path / "out")], capsys)


def test_a_granularity_beyond_its_range(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (small_run / "splats.ply").read_bytes()
    said = _said(["segment", str(small_run), "--granularity", "1.5"], capsys)
    assert "the granularity is 1.5; give a number from 0 (parts) to 1 (groups)" in said
    assert (small_run / "splats.ply").read_bytes() == before


def test_a_table_of_segments_that_an_editor_broke(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    (folder / "segments.json").write_text('[{"id": 1, "name": "mug",]')
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    said = _said(["segment", str(folder), "--granularity", "0.9"], capsys)
    assert "segments.json is not readable as JSON" in said
    assert "correct it, or delete it and run `splatseg segment RUN`" in said
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_votes_of_another_splat(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    splats = splats_of(read_ply(folder / "splats.ply"))
    write_ply(folder / "splats.ply", splats.subset(torch.arange(len(splats) - 5)))
    said = _said(["select", str(folder), "--view", "001.jpg", "--click", "40,30", "-o", str(tmp_path / "out")], capsys)
    assert "votes.safetensors is of" in said and "run `splatseg segment" in said


def test_a_segment_that_is_not_there(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(["export", str(small_run), "--segment", "9999", "-o", str(tmp_path / "a.ply")], capsys)
    assert "9999" in said
    assert not (tmp_path / "a.ply").exists()


def test_truth_that_is_not_there(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert str(tmp_path / "gt") in _said(["evaluate", str(small_run), "--gt", str(tmp_path / "gt")], capsys)


def test_info_about_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is nothing at" in _said(["info", str(tmp_path / "gone")], capsys)


def test_refining_into_a_place_that_is_taken(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (small_run / "splats.ply").read_bytes()
    assert "is the run itself, which refining never changes" in _said(
        ["refine", str(small_run), "-o", str(small_run)], capsys
    )
    (tmp_path / "note.txt").write_text("mine")
    said = _said(["refine", str(small_run), "-o", str(tmp_path)], capsys)
    assert "is not empty, and refining overwrites nothing; name a new folder with -o" in said
    assert (small_run / "splats.ply").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_refining_a_run_without_segments(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    (folder / "segments.json").unlink()
    said = _said(["refine", str(folder), "-o", str(tmp_path / "out")], capsys)
    assert "has no segments to refine; run `splatseg segment" in said
    assert not (tmp_path / "out").exists()


def test_a_file_that_cannot_be_written_is_told_by_every_command(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    prompt = ["--view", "001.jpg", "--click", "40,30"]
    said = _said(["select", str(small_run), *prompt, "-o", str(tmp_path / "file" / "mug")], capsys)
    assert "file" in said and "cannot be read or written (" in said and said.endswith("or make room there")


def test_output_that_nobody_reads_is_no_traceback() -> None:
    command = [sys.executable, "-P", "-c", "from splatseg.cli.main import main; main()", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
    assert "Traceback" not in told and process.returncode in (0, 141)


MAIN = [sys.executable, "-P", "-c", "from splatseg.cli.main import main; main()"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_output_that_cannot_be_written_is_told_by_its_cause(small_run: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*MAIN, "info", str(small_run)], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
        silent = subprocess.run([*MAIN, "info", "/nowhere"], stdout=full, stderr=full, check=False)
    assert done.returncode == 2 and "cannot be written (No space left on device)" in done.stderr
    assert "Traceback" not in done.stderr
    assert silent.returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="descriptors are closed by a shell of POSIX's")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_streams_that_the_caller_closed_change_no_exit_code(small_run: Path, closed: str) -> None:
    for target, code in ((str(small_run), 0), ("/nowhere", 2)):
        command = f"{shlex.join([*MAIN, 'info', target])} {closed}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def test_names_that_the_terminal_cannot_show_are_shown_by_their_numbers(small_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "t\u00e4ssle \u2615"
    shutil.copytree(small_run, folder)
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    for target, stream, code in ((folder, "stdout", 0), (tmp_path / "\u2615", "stderr", 2)):
        done = subprocess.run(
            [*MAIN, "info", str(target)], capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == code and "Traceback" not in done.stderr
        assert "\\u2615" in getattr(done, stream)


@pytest.mark.parametrize("place", ["below a file", "below a broken link", "too long", "a folder"])
def test_places_that_cannot_be_written_are_told_by_their_cause(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "folder.ply").mkdir()
    output, expected = {
        "below a file": (tmp_path / "file" / "a.ply", "file is not a folder); name another place"),
        "below a broken link": (tmp_path / "link" / "a.ply", "gone, which is not there); name another place"),
        "too long": (tmp_path / f"{'a' * 300}.ply", "choose a shorter name"),
        "a folder": (tmp_path / "folder.ply", "is a folder; name a file"),
    }[place]
    before = sorted(tmp_path.rglob("*"))
    assert expected in _said(["export", str(small_run), "-o", str(output)], capsys)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_request_to_end_is_obeyed_in_a_sentence(small_run: Path, tmp_path: Path) -> None:
    # The command asks itself, in the middle of its first picture: a request from here might come after its end.
    code = """
import os, signal
from PIL import Image
from splatseg.cli.main import main
save = Image.Image.save
def asked(*given, **named):
    os.kill(os.getpid(), signal.SIGTERM)
    save(*given, **named)
Image.Image.save = asked
main()
"""
    select = ["select", str(small_run), "--view", "001.jpg", "--click", "40,30", "-o", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-P", "-c", code, *select], capture_output=True, text=True, check=False)
    assert done.returncode == 130 and "stopped; what was finished is kept" in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".part")]


def test_warnings_of_readers_are_told_in_a_sentence(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        assert run(["export", str(small_run), "-o", str(tmp_path / f"{name}.splat")]) == 0
    (tmp_path / "b.splat").write_bytes((tmp_path / "b.splat").read_bytes()[:-32])  # another splat than its ids are of
    capsys.readouterr()
    assert run(["export", str(tmp_path / "b.splat"), "-o", str(tmp_path / "c.ply")]) == 0
    (told,) = capsys.readouterr().err.strip().splitlines()
    assert told.startswith("warning: ") and told.endswith(
        "belongs to another b.splat; the splat is taken without its ids"
    )


def test_label_maps_whose_ids_are_mixed_are_refused_by_name(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(demo_capture() / "masks", mixed)
    for file in mixed.glob("*.png"):
        with Image.open(file) as image:
            labels = np.asarray(image).astype(np.int64)
        Image.fromarray((labels * 37 % 251).astype(np.uint8)).save(file.with_suffix(".jpg"), quality=75)
        Image.open(file.with_suffix(".jpg")).save(file)
    copy = tmp_path / "run"
    shutil.copytree(small_run, copy)
    said = _said(["segment", str(copy), "--masks", str(mixed)], capsys)
    assert "compressed (JPEG)" in said and ".png" in said
    assert (copy / "segments.json").read_text() == (small_run / "segments.json").read_text()
