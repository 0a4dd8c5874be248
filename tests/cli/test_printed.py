"""What commands print: one JSON object if asked for, nothing beside results if asked to be quiet, whatever happens."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command_mistakes import MISTAKES

from splatseg.cli.console import Terminal
from splatseg.cli.main import COMMANDS, main, run
from splatseg.demo.demo import demo_capture

DEMO = demo_capture()

WORK: dict[str, tuple[list[str], set[str]]] = {
    "masks": ([str(DEMO), "-o", "{new}", "--downscale", "8", "--shard", "1/32"], {"masks", "views", "output"}),
    "train": ([str(DEMO), "-o", "{new}", "--downscale", "8", "--iterations", "10"], {"gaussians", "psnr", "findings"}),
    "segment": (["{copy}", "--granularity", "0.4"], {"segments", "noisy_segments", "report"}),
    "refine": (["{copy}", "-o", "{new}"], {"split", "moved", "segments"}),
    "select": (["{run}", "-o", "{new}", "--view", "012.jpg", "--click", "11,18"], {"gaussians", "pixels", "output"}),
    "render": (["{run}", "-o", "{new}", "--what", "rgb"], {"pictures", "output"}),
    "evaluate": (["{copy}", "--gt", f"{DEMO}/gt/instance"], {"means", "images", "objects"}),
    "report": (["{copy}"], {"gaussians", "psnr", "findings", "report"}),
    "clean": (["{run}", "-o", "{new}.ply"], {"gaussians", "kept", "removed"}),
    "export": (["{run}", "-o", "{new}.ply"], {"files"}),
    "check": ([str(DEMO), "--masks", f"{DEMO}/masks"], {"views", "points", "masked_views", "troubles"}),
    "info": (["{run}"], {"kind", "Gaussians", "segments"}),
    "batch": (
        ["{runs}", "-o", "{new}", "--do", "export", "--workers", "1", "--", "--format", "spz"],
        {"done", "failed"},
    ),
}
"""Commands that run here, and names of figures that their objects have."""

SLOW = {"refine", "train"}


@pytest.fixture
def places(small_run: Path, tmp_path: Path) -> dict[str, str]:
    """Paths for the arguments above."""
    (tmp_path / "file").touch()
    names = {name: str(tmp_path / name) for name in ("new", "nowhere", "file", "copy")}
    return {**names, "run": str(small_run), "runs": str(small_run.parent)}


def filled(arguments: list[str], places: dict[str, str]) -> list[str]:
    """The arguments with paths; a copy of the small run is made if they ask for it."""
    if "{copy}" in arguments:
        shutil.copytree(places["run"], places["copy"])
    return [text.format(**places) for text in arguments]


def answered(out: str) -> dict[str, Any]:
    """The one object on stdout."""
    document = json.loads(out)
    assert isinstance(document, dict) and isinstance(document["warnings"], list)
    return document


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in WORK]
)
def test_a_result_is_one_json_object_and_quiet_is_silent(
    command: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, figures = WORK[command]
    assert run(["--json", "-q", command, *filled(arguments, places)]) == 0
    printed = capsys.readouterr()
    document = answered(printed.out)
    assert figures <= set(document), set(document)
    assert printed.err == "".join(f"warning: {text}\n" for text in document["warnings"]), "no progress, no remarks"


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_user_gets_wrong_is_one_json_object_too(
    command: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (filled(MISTAKES[command], places), ["--no-such-option"]):
        assert run([command, *arguments, "--json"]) == 2
        printed = capsys.readouterr()
        document = answered(printed.out)
        assert set(document) == {"error", "warnings"}
        assert document["error"] and f"error: {document['error']}" in " ".join(printed.err.split())
    assert not Path(places["new"]).exists()


def test_a_page_that_is_served_is_announced_as_json_at_once(small_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("viser")
    shutil.copytree(small_run, tmp_path / "run")
    code = "from splatseg.cli.main import main; main()"
    command = [sys.executable, "-P", "-c", code, "view", str(tmp_path / "run"), "--port", "8390", "--json", "-q"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None
    lines = [server.stdout.readline()]
    while not lines[-1].startswith("}"):
        lines.append(server.stdout.readline())
    server.send_signal(signal.SIGINT)
    rest, told = server.communicate(timeout=60)
    document = answered("".join(lines))
    assert document["scene"] == "run" and document["address"].startswith("http://localhost:")
    assert (rest, told, server.returncode) == ("", "", 0)


def test_an_answer_is_ascii_with_null_for_what_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(as_json=True)
    terminal.warn("a\x1b]0;b")
    terminal.result("text", {"psnr": float("inf"), "name": "t\u00e4\x7f\x1b", "where": Path("a/b"), "ids": (1, None)})
    out = capsys.readouterr().out
    assert out.isascii() and "\x1b" not in out and "\x7f" not in out
    expected = {"psnr": None, "name": "t\u00e4\x7f\x1b", "where": str(Path("a/b")), "ids": [1, None]}
    assert answered(out) == {**expected, "warnings": ["a\x1b]0;b"]}


def test_an_error_behind_an_answer_is_told_as_text_alone(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(as_json=True)
    terminal.result("text")
    terminal.error("the disk is full")
    printed = capsys.readouterr()
    assert answered(printed.out) == {"text": "text", "warnings": []}
    assert printed.err == "error: the disk is full\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_an_answer_that_cannot_be_written_is_an_error() -> None:
    code = "from splatseg.cli.main import main; main()"
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-P", "-c", code, "--version", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2 and "cannot be written (No space left on device)" in done.stderr
    assert "Traceback" not in done.stderr


def test_forms_may_stand_before_the_command(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json", "-q", "info", str(small_run)]) == 0
    assert answered(capsys.readouterr().out)["kind"] == "run"


def test_the_version_is_told_in_both_forms(capsys: pytest.CaptureFixture[str]) -> None:
    from splatseg.version import __version__

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"splatseg {__version__}\n"
    assert run(["--version", "--json"]) == 0
    assert answered(capsys.readouterr().out)["version"] == __version__


def test_progress_shows_the_time_that_a_job_knows_better(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 20.0, 40.0, 41.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with Terminal().stage("fitting", 10) as advance:
        advance(1, left="90.4", PSNR="20")
        advance(2)
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "fitting 1/10  20 s, about 90 s left  PSNR 20"
    assert told[1] == "fitting 2/10  40 s, about 160 s left"


def test_the_report_follows_new_names_when_the_viewer_ends(small_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("viser")
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    table = json.loads((folder / "segments.json").read_text())
    table[0]["name"] = "red <mug>"
    (folder / "segments.json").write_text(json.dumps(table))
    code = "from splatseg.cli.main import main; main()"
    command = [sys.executable, "-P", "-c", code, "view", str(folder), "--port", "8391"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert server.stdout is not None and "is at http" in server.stdout.readline()
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=60)
    page = (folder / "report.html").read_text()
    key = table[0]["id"]
    assert f'<span class="name" data-name-of="{key}">red &lt;mug&gt;</span>' in page
    assert f">segment {key}<" not in page


def test_the_help_of_a_command_has_short_types_and_no_empty_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        assert run([name, "--help"]) == 0
        text = " ".join(capsys.readouterr().out.split())
        assert "{None}" not in text and "(default: None)" not in text and "(default: )" not in text
        assert "(default: False)" not in text and "STR" not in text
        assert "--json" in text and "-q" in text


def test_all_commands_fit_on_one_screen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert len(text.splitlines()) <= 40 and max(map(len, text.splitlines())) <= 100
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "usage: splatseg COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("trian x", "there is no command 'trian'; did you mean `splatseg train`?"),
        ("qqq", "there is no command 'qqq'; the commands are demo, capture, masks, train"),
        ("train x -o y --itertions 5", "`splatseg train` has no option --itertions; did you mean --iterations?"),
        ("train x -o y --what rgb", "`splatseg train` has no option --what; `splatseg train --help` tells"),
        ("train x", "`splatseg train` needs -o RUN; `splatseg train --help` tells its options"),
        ("train", "`splatseg train` needs CAPTURE and -o RUN;"),
        ("train x -o", "--output needs a value: --output RUN"),
        ("train x -o y --iterations abc", "--iterations takes INT, got 'abc'"),
        ("train x -o y --iterations 5 --iterations abc", "--iterations takes INT, got 'abc'"),
        ("train x -o y --granularity=half", "--granularity takes NUMBER, got 'half'"),
        ("train x -o y --method lft", "--method has no 'lft'; did you mean lift?"),
        ("train x -o y --method zzz", "--method has no 'zzz'; give one of lift, contrast, paper"),
        ("train x y -o z", "`splatseg train` does not know what to do with y;"),
        ("select r --click", "--click needs a value: --click [VIEW:]X,Y"),
        ("render r -o x --what rgbb", "--what has no 'rgbb'; did you mean rgb?"),
        ("evaluate --protocol lerf-msk d", "--protocol has no 'lerf-msk'; did you mean lerf-mask?"),
        ("masks c -o m --dowscale 2", "`splatseg masks` has no option --dowscale; did you mean --downscale?"),
    ],
)
def test_what_was_probably_meant_is_said(words: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words.split()) == 2
    assert f"error: {expected}" in " ".join(capsys.readouterr().err.split())


def test_masks_that_lie_in_the_capture_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (["train", str(DEMO), "-o", "run"], ["check", str(DEMO)]):
        for given in ("masks", "masks=2", str(tmp_path / "masks")):
            assert run([*arguments, "--masks", given]) == 2
            assert f"{DEMO / 'masks'} is there, did you mean that?" in " ".join(capsys.readouterr().err.split())
    assert run(["check", str(DEMO), "--masks", "nothing_like_it"]) == 2
    assert "nothing_like_it; check the path" in " ".join(capsys.readouterr().err.split())


def test_a_file_of_a_run_is_not_to_be_converted(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(small_run / "segments.json")]) == 2
    assert f"a file of the run {small_run}; give the run itself" in " ".join(capsys.readouterr().err.split())


def test_a_report_is_written_anew_by_its_command(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    (folder / "report.html").unlink()
    assert run(["report", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(folder / "report.html")
    page = (folder / "report.html").read_text()
    assert f"<code>splatseg view {folder}</code>" in page and "demo/data: 64 views" in page


def test_a_report_needs_the_photographs(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("splatseg.run.kept_cameras.moved_with", lambda path: None)
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    settings = (folder / "config.yaml").read_text().replace(str(DEMO), str(tmp_path / "gone"))
    (folder / "config.yaml").write_text(settings)
    before = (folder / "report.html").read_bytes()
    assert run(["report", str(folder)]) == 2
    assert "--capture DIR" in capsys.readouterr().err
    assert (folder / "report.html").read_bytes() == before


def test_a_terminal_shows_a_bar_with_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", screen)
    with Terminal().stage("fitting", 10) as advance:
        advance(4, left="3723")
    assert "left 1:02:03" in screen.getvalue()
