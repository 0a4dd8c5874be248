"""Names of strangers reach files with their true value, files with plain names, and the terminal as escapes."""

from __future__ import annotations

import io
import json
import shutil
import sys
import warnings
from pathlib import Path

import pytest
from rich.table import Table

import splatseg.jobs.info
from splatseg.capture.transforms_json import write_transforms
from splatseg.cli.console import Terminal
from splatseg.cli.main import main, run
from splatseg.errors import PromptError
from splatseg.run.folder import open_run

HOSTILE = "mug\x1b[2J\x07\u202eexe\x9b31m\r\nerror: [red]all[/red] is lost :skull:"
SAID = "mug\\x1b[2J\\x07\\u202eexe\\x9b31m\\r\\nerror: [red]all[/red] is lost :skull:"
OBEYED = ("\x1b", "\x07", "\u202e", "\x9b", "\r")

NAMES = [
    HOSTILE,
    "../../../etc/passwd",
    "..\\..\\x",
    "CON",
    "a\x00b",
    "=cmd|' /C calc'!A0",
    "",
    "   ",
    "x" * 100_000,
    "台" * 300,
    "<script>alert(1)</script>",
]


def clean(text: str) -> str:
    assert not [character for character in OBEYED if character in text], ascii(text)
    return text


@pytest.fixture
def folder(small_run: Path, tmp_path: Path) -> Path:
    """Of the small run what is shown and exported, with hostile names of its first segments."""
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    for name in ("config.yaml", "splats.ply", "segments.json", "metrics.jsonl"):
        shutil.copy(small_run / name, run_folder / name)
    rows = json.loads((run_folder / "segments.json").read_text())
    for row, name in zip(rows, NAMES, strict=False):
        row["name"] = name
    (run_folder / "segments.json").write_text(json.dumps(rows))
    return run_folder


def test_names_of_segments_are_escaped_where_a_run_is_described(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["info", str(folder)]) == 0
    shown = clean(capsys.readouterr().out)
    assert SAID in shown and max(map(len, shown.splitlines())) < 1000
    assert not any(line.startswith("error") for line in shown.splitlines())


@pytest.mark.parametrize("name", [".ply", ".compressed.ply", ".splat", ".sog", ".glb", ".usda", ".spz"])
def test_every_segment_is_a_file_of_its_own_whatever_it_is_called(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name in (".usda", ".spz"):
        pytest.importorskip({".usda": "pxr", ".spz": "gaussforge"}[name])
    output = folder.parent / "parts"
    capsys.readouterr()
    assert run(["export", str(folder), "-o", str(output), "--each", "--format", name[1:]]) == 0
    shown = capsys.readouterr()
    clean(shown.out + shown.err)
    count = len(json.loads((folder / "segments.json").read_text()))
    found = [path for path in output.iterdir() if path.name.endswith(name)]
    assert len(found) == count and {path.parent for path in output.rglob("*")} == {output}
    for path in found:
        stem = path.name.removesuffix(name)
        assert stem[:3].isdecimal() and stem[3] == "_" and len(path.name.encode()) < 200
        assert all(character.isalnum() or character in "_.-" for character in stem)
    assert {path.name for path in folder.parent.iterdir()} == {"run", "parts"}


def test_files_keep_the_true_names(folder: Path) -> None:
    assert run(["export", str(folder), "-o", str(folder.parent / "boxes.json")]) == 0
    boxes = json.loads((folder.parent / "boxes.json").read_text())["boxes"]
    assert {name for name in NAMES if name} <= {row["name"] for row in boxes}


def test_an_error_a_warning_and_a_result_are_cleaned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def warned(path: Path) -> dict[str, str]:
        warnings.warn(f"{HOSTILE} is odd", stacklevel=2)
        return {"kind": HOSTILE}

    monkeypatch.setattr(splatseg.jobs.info, "describe", warned)
    capsys.readouterr()
    assert run(["info", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert clean(shown.out) == f"kind  {SAID}\n" and clean(shown.err) == f"warning: {SAID} is odd\n"

    def failing(path: Path) -> dict[str, str]:
        raise PromptError(f"there is no {HOSTILE}")

    monkeypatch.setattr(splatseg.jobs.info, "describe", failing)
    assert run(["info", str(tmp_path)]) == 2
    assert clean(capsys.readouterr().err) == f"error: there is no {SAID}\n"

    def unwritable(path: Path) -> dict[str, str]:
        raise OSError(28, "No space left on device", f"{HOSTILE}.ply")

    monkeypatch.setattr(splatseg.jobs.info, "describe", unwritable)
    assert run(["info", str(tmp_path)]) == 2
    assert clean(capsys.readouterr().err).startswith(f"error: {SAID}.ply cannot be written (No space left")


@pytest.mark.parametrize("arguments", [["info", f"--{HOSTILE}"], [HOSTILE], ["segment", "x", "--method", HOSTILE]])
def test_arguments_that_cannot_be_parsed_are_cleaned(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    for form in ([], ["--json"]):
        assert run([*arguments, *form]) == 2
        shown = capsys.readouterr()
        clean(shown.out + shown.err)
        assert shown.err.startswith("error: ") and bool(shown.out) == bool(form)


def test_paths_are_cleaned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["info", str(tmp_path / HOSTILE)], ["train", str(tmp_path / HOSTILE), "-o", str(tmp_path / "x")]):
        assert run(arguments) == 2
        assert SAID in clean(capsys.readouterr().err)


def test_views_of_hostile_names_are_rendered_and_told_plainly(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = open_run(small_run).capture.views[0].camera
    name = "a\x1b[2J\u202e"
    write_transforms(tmp_path / "cameras.json", {f"{name}.png": camera})
    capsys.readouterr()
    arguments = ["render", str(small_run), "--what", "rgb", "--cameras", str(tmp_path / "cameras.json")]
    assert run([*arguments, "-o", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr()
    clean(shown.out + shown.err)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{name}.png"]
    for bad, said in (("a\x00.png", "cannot be the name of a file"), ("a\ud800.png", "holds halves of characters")):
        content = json.loads((tmp_path / "cameras.json").read_text())
        content["frames"][0]["file_path"] = bad
        (tmp_path / "cameras.json").write_text(json.dumps(content))
        assert run([*arguments, "-o", str(tmp_path / "again")]) == 2
        assert said in clean(capsys.readouterr().err)


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_and_a_table_on_a_terminal_are_cleaned_and_keep_their_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    results, messages = Screen(), Screen()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", results)
    monkeypatch.setattr(sys, "stderr", messages)
    terminal = Terminal()
    with terminal.stage(f"x\x1b]0;{HOSTILE}", 2) as advance:
        advance(1, view="\x1b]0;owned\x07[red]")
        advance(2)
    table = Table(title="t\x1b]0;owned\x07")
    table.add_column("[bold]c")
    table.add_row("\x1b]0;owned\x07[red]m[/red] :skull:")
    terminal.result(table)
    assert "\x1b]" not in messages.getvalue() + results.getvalue()
    assert "[red]" in messages.getvalue() and "\x9b" not in messages.getvalue()
    assert "[red]m[/red] :skull:" in results.getvalue() and "[bold]c" in results.getvalue()


def test_a_terminal_that_lacks_a_script_shows_escapes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    with pytest.raises(SystemExit) as end:
        main(["info", str(tmp_path / "台所")])
    assert end.value.code == 2
    assert b"\\u53f0\\u6240" in streams[1].buffer.getvalue()
