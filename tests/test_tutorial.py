"""What the documentation tells a user to type: the tutorial runs, and every command of every page can be parsed.

Messages that the troubleshooting page quotes are messages that the program has.
"""

from __future__ import annotations

import ast
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import tyro

from splatseg.cli.main import Command, run

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]

FENCED = re.compile(r"^```(\S+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"^    (splatseg .*)$", re.MULTILINE)


def _blocks(page: Path) -> list[tuple[str, str]]:
    """Fenced blocks of a page, as (kind, text)."""
    return [(match[1], match[2]) for match in FENCED.finditer(page.read_text(encoding="utf-8"))]


def _commands(page: Path) -> Iterator[str]:
    """Whole command lines of splatseg on a page: blocks for a terminal, and commands that stand by themselves."""
    text = page.read_text(encoding="utf-8")
    for kind, block in _blocks(page):
        if kind in ("bash", "console"):
            yield from (line.removeprefix("$ ") for line in block.splitlines())
    yield from INDENTED.findall(FENCED.sub("", text))


def _words(line: str) -> list[str]:
    """The words of the command, without what the shell does with its output."""
    return list(itertools.takewhile(lambda word: word not in (">", "|"), shlex.split(line, comments=True)))


TYPED = [(page, line) for page in PAGES for line in _commands(page) if line.startswith("splatseg ") and "[" not in line]


def test_there_are_commands_to_try() -> None:
    assert len(TYPED) > 40
    assert {page.name for page, _ in TYPED} >= {"README.md", "tutorial.md", "guide.md", "troubleshooting.md"}


@pytest.mark.parametrize(("page", "line"), TYPED, ids=lambda value: value if isinstance(value, str) else value.stem)
def test_the_command_line_understands_what_a_page_tells_to_type(
    page: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        tyro.cli(Command, args=_words(line)[1:], config=(tyro.conf.FlagCreatePairsOff,))
    except SystemExit as ended:
        told = capsys.readouterr().err
        assert not ended.code, f"{page.name}: `{line}`: {told}"


def _without_figures(text: str) -> str:
    return re.sub(r"[\d.,]+", "#", " ".join(text.split()))


@pytest.mark.slow
def test_the_tutorial_runs_and_says_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    said, ran = "", 0
    for kind, block in _blocks(DOCS / "tutorial.md"):
        if kind == "python":
            exec(compile(block, "tutorial.md", "exec"), names)
        elif kind == "bash":
            said = ""
            for line in block.splitlines():
                capsys.readouterr()
                assert run(_words(line)[1:]) == 0, (line, capsys.readouterr().err)
                said, ran = said + capsys.readouterr().out, ran + 1
        elif kind == "text":
            lines = {_without_figures(line) for line in said.splitlines()}
            assert {_without_figures(line) for line in block.splitlines()} <= lines, (block, said)
    assert ran >= 9
    assert (tmp_path / "demo-run" / "report.html").stat().st_size > 100_000
    assert len(list((tmp_path / "mug" / "masks").iterdir())) == 64
    assert "red mug" in (tmp_path / "demo-run" / "segments.json").read_text()
    for name in ("mug/object.ply", "mug/rest.ply", "thing.glb", "mug.ply", "without_the_mug.splat", "film.mp4"):
        assert (tmp_path / name).stat().st_size > 1000, name
    # The gallery's lines run on the same run; those on a real capture need a file that does not come with splatseg.
    lines = "".join(block for kind, block in _blocks(DOCS / "gallery.md") if kind == "python")
    embedded, _, real = lines.partition('scene = splatseg.open("plant-run")')
    assert real
    exec(compile(embedded, "gallery.md", "exec"), names)
    assert names["mask"].any()  # type: ignore[attr-defined]


def _texts() -> list[str]:
    """All strings of the package, with … for what is put into them."""
    texts = []
    for module in sorted((ROOT / "splatseg").rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
                texts.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts


def _quoted() -> list[str]:
    """The messages that the troubleshooting page quotes, a message a quotation, in one line."""
    quotations = re.findall(r"(?:^> .*\n)+", (DOCS / "troubleshooting.md").read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"^(error|warning): ", "", " ".join(re.sub("^> ", "", q, flags=re.M).split())) for q in quotations]


def test_messages_of_the_troubleshooting_page_are_the_programs_own() -> None:
    texts, quoted = _texts(), _quoted()
    assert len(quoted) >= 8
    for message in quoted:
        parts = [part.strip() for part in message.split("…") if part.strip()]
        pattern = re.compile(".*".join(re.escape(part) for part in parts))
        assert parts and any(pattern.search(text) for text in texts), f"the program never says: {message}"
