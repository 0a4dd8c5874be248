"""Pages of the documentation that are made from something else when the site is built, so that nothing is said twice.

index, quick start: parts of README. changes: CHANGELOG. commands: the command line's own dataclasses. examples: the
programs of examples/. The API: see api_pages.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import tyro
from api_pages import PAGES, api_page, examples, label, one_page

from splatseg.cli.main import Command
from splatseg.cli.options import TYPES

ROOT = Path(__file__).resolve().parents[1]

FIRST_LINES = "Run the whole job on the embedded demo"
"""Where README's first lines, which say what this is, end, and what to type begins."""


FORMS = (
    "Results go to stdout, progress, remarks, warnings and errors to stderr. With `--json`, which every command has,",
    'stdout holds one JSON object and nothing else: the figures of the result, or `{"error": "..."}`, and in both',
    '`"warnings"`. `-q` leaves out progress and remarks.',
    "",
    "Exit codes: 0 done, 2 something to put right, 3 words that name nothing in the scene, 130 stopped, 141 the reader",
    "of a pipe has gone.",
    "",
    "```bash",
    "splatseg train CAPTURE -o RUN --masks MASKS --json -q | jq '{psnr, segments, noisy_segments}'",
    "```",
)
"""The forms of what every command prints, above the list of commands."""


def made_page(app: Any, name: str, source: list[str]) -> None:
    """Sphinx's event source-read: fill in a page that is made."""
    del app
    pages: dict[str, Callable[[], str]] = {
        "quick_start": quick_start_page,
        "commands": commands_page,
        "api": api_page,
        "examples": examples_page,
        "changes": lambda: (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    }
    pages |= {f"api/{page}": functools.partial(one_page, page) for page in PAGES}
    if name == "index":
        source[0] = index_page(source[0])
    elif name in pages:
        source[0] = pages[name]() + "\n" + source[0]


def index_page(cards: str) -> str:
    """README's first lines, where to go from there (which stands in index.md), and README's first screen."""
    first, found, rest = readme_part(None, "Use it on your own capture").partition(FIRST_LINES)
    assert found, f"README does not say '{FIRST_LINES}'"
    return f"{first}{cards}\n{FIRST_LINES}{rest}"


def quick_start_page() -> str:
    """README from its instructions to its end."""
    return "# Quick start\n\n" + readme_part("Use it on your own capture", None)


def readme_part(first: str | None, last: str | None) -> str:
    """README from one heading of the second level to another (None: its beginning, its end), as seen from docs/."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    begin = 0 if first is None else _heading(text, first)
    end = len(text) if last is None else _heading(text, last)
    part = re.sub(r"<!--.*?-->\n?", "", text[begin:end], flags=re.DOTALL)
    return re.sub(r"\[([^\]]*)\]\(([^):#]+)(#[^)]*)?\)", _relinked, part)


def examples_page() -> str:
    """All examples with their texts, titled by their names."""
    lines = [
        "# Examples",
        "",
        "Each runs as it stands, in seconds, on the embedded capture; a test runs them all.",
        "",
    ]
    for path in examples():
        number, _, title = path.stem.partition("_")
        heading = f"## {int(number)}. {title.replace('_', ' ').capitalize()}"
        lines += [
            f"({label(path)})=",
            heading,
            "",
            f"`examples/{path.name}`",
            "",
            "```python",
            path.read_text(encoding="utf-8").rstrip(),
            "```",
            "",
        ]
    return "\n".join(lines)


def commands_page() -> str:
    """Every command with its arguments, from the dataclasses that the command line itself is made of."""
    lines = ["# Commands", "", "`splatseg COMMAND --help` says the same in the terminal.", "", *FORMS, ""]
    for command in typing.get_args(Command):
        kind, *marks = typing.get_args(command)
        name = next(mark.name for mark in marks if hasattr(mark, "name"))
        lines += [f"## splatseg {name}", "", _escaped(inspect.getdoc(kind) or ""), ""]
        lines += ["```text", usage(name, kind), "```", "", "| argument | default | |", "|---|---|---|"]
        lines += [_row(owner, field) for owner, field in arguments(kind)]
        lines.append("")
    return "\n".join(lines)


def arguments(kind: type) -> Iterator[tuple[type, dataclasses.Field[Any]]]:
    """The arguments of a command with the dataclass each is a field of: requests are nested in a command."""
    for field in dataclasses.fields(kind):
        plain = _plain_type(kind, field)
        if dataclasses.is_dataclass(plain):
            yield from arguments(plain)
        else:
            yield kind, field


def usage(name: str, kind: type) -> str:
    """The command in one line: what must be given, then that there are options."""
    words = ["splatseg", name]
    for owner, field in arguments(kind):
        if _is_positional(owner, field):
            optional = _default(field) is not dataclasses.MISSING
            words.append(f"[{_metavar(owner, field)}]" if optional else _metavar(owner, field))
        elif _default(field) is dataclasses.MISSING:
            words.append(f"{_flags(owner, field)[0]} {_metavar(owner, field)}")
    options = any(_flags(owner, field) for owner, field in arguments(kind))
    return " ".join([*words, "[OPTIONS]"] if options else words)


def _escaped(text: str) -> str:
    """Plain text as Markdown that shows it as it is: <id> is no tag, and no list or emphasis is made of it."""
    return re.sub(r"([\\*_|<>])", r"\\\1", text)


def _heading(text: str, heading: str) -> int:
    found = re.search(rf"^## {re.escape(heading)}$", text, re.MULTILINE)
    assert found is not None, f"README has no heading '{heading}'"
    return found.start()


def _relinked(match: re.Match[str]) -> str:
    """A link of README as seen from docs/: what lies there is linked, other files are named."""
    text, target, anchor = match[1], match[2], match[3] or ""
    if target.startswith("docs/"):
        return f"[{text}]({target.removeprefix('docs/')}{anchor})"
    return f"[{text}](changes.md{anchor})" if target == "CHANGELOG.md" else f"`{target}`"


def _row(kind: type, field: dataclasses.Field[Any]) -> str:
    default, plain = _default(field), _plain_type(kind, field)
    shown = (
        "required"
        if default is dataclasses.MISSING
        else ""
        if default is None or default is False or default == ()
        else f"`{default}`"
    )
    values = "" if plain is bool else " " + _metavar(kind, field)
    names = [flag + values for flag in _flags(kind, field)] or [_metavar(kind, field)]
    said = _escaped(" ".join(_said(kind).get(field.name, "").split()))
    if typing.get_origin(plain) is typing.Literal:
        said += f" One of {', '.join(f'`{choice}`' for choice in typing.get_args(plain))}."
    what = ", ".join(f"`{name}`" for name in names).replace("|", "\\|")
    return f"| {what} | {shown} | {said} |"


def _default(field: dataclasses.Field[Any]) -> Any:
    made = field.default_factory
    return field.default if made is dataclasses.MISSING else made()


def _marks(kind: type, field: dataclasses.Field[Any]) -> tuple[Any, ...]:
    annotation = typing.get_type_hints(kind, include_extras=True)[field.name]
    return typing.get_args(annotation)[1:] if typing.get_origin(annotation) is typing.Annotated else ()


def _plain_type(kind: type, field: dataclasses.Field[Any]) -> Any:
    """The type without what tyro is told, and without None."""
    annotation = typing.get_type_hints(kind)[field.name]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        annotation = next(part for part in typing.get_args(annotation) if part is not types.NoneType)
    return annotation


def _is_positional(kind: type, field: dataclasses.Field[Any]) -> bool:
    return tyro.conf.Positional in _marks(kind, field)


def _metavar(kind: type, field: dataclasses.Field[Any]) -> str:
    given = [mark.metavar for mark in _marks(kind, field) if getattr(mark, "metavar", None)]
    plain = _plain_type(kind, field)
    name = given[0] if given else TYPES.get(getattr(plain, "__name__", ""), field.name.upper())
    return name + (" ..." if typing.get_origin(plain) is tuple else "")


def _flags(kind: type, field: dataclasses.Field[Any]) -> list[str]:
    if _is_positional(kind, field):
        return []
    aliases = [alias for mark in _marks(kind, field) for alias in getattr(mark, "aliases", None) or ()]
    return [*aliases, "--" + field.name.replace("_", "-")]


def _said(kind: type) -> dict[str, str]:
    """The texts under the fields of a dataclass, which Python itself forgets."""
    (statement,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(statement, ast.ClassDef)
    texts = {}
    for before, after in pairwise(statement.body):
        if isinstance(before, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            assert isinstance(before.target, ast.Name)
            texts[before.target.id] = str(after.value.value)
    return texts
