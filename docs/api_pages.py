"""The pages of the Python API, made when the site is built: one for each of the things that a user holds or does.

The public names are those of splatseg/__init__.pyi, each under the room of the package that it comes from (its ROOM in
PAGES); autodoc puts signatures and docstrings in place. Under a name stand the examples that use it, found by their
syntax trees. Docstrings are plain text, and `plain_docstring` makes it the reStructuredText that shows them so.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import splatseg

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class ApiPage:
    """One page of the API."""

    title: str
    """Its heading."""
    about: str
    """The line that leads to it."""
    rooms: tuple[str, ...]
    """Rooms of the package, or modules in them, whose public names it shows."""


PAGES = {
    "scene": ApiPage(
        "Scenes",
        "Open a run or a splat file, select in it by clicks, boxes, masks, words and regions, render it.",
        ("scene.opening", "scene.scene", "select"),
    ),
    "selection": ApiPage(
        "Selections", "What a click gives: its masks, larger and smaller, added to, exported.", ("scene.selection",)
    ),
    "segments": ApiPage(
        "The table of segments", "Names, colours, counts and boxes; merge, split, undo.", ("scene.table", "segments")
    ),
    "jobs": ApiPage(
        "Whole jobs",
        "What the commands do, as functions: train, segment, refine, describe, film, evaluate.",
        ("jobs", "requests"),
    ),
    "runs": ApiPage("Runs and their settings", "The folder that a job writes, and how it was made.", ("run",)),
    "captures": ApiPage(
        "Captures and cameras",
        "Photographs with poses, cameras of your own, paths between them, and the embedded capture.",
        ("capture", "cameras", "demo"),
    ),
    "masks": ApiPage("Masks", "Read 2D masks in any layout, or propose them without a model.", ("masks",)),
    "splats": ApiPage(
        "Splats, fits and files",
        "The Gaussians as tensors, their fit, the rasteriser, and every file format.",
        ("splats", "formats", "levels", "train", "raster", "render"),
    ),
    "method": ApiPage(
        "From masks to segments",
        "The method, step by step: votes, features, hierarchy, segments.",
        ("votes", "features", "cluster", "refine", "words", "evaluate"),
    ),
    "errors": ApiPage("Errors", "What can go wrong, by its cause.", ("errors",)),
}
"""The pages by the names of their files, in the order a user meets them."""

MANY = 8
"""Methods of a class from which on a table of them comes first."""


def api_page() -> str:
    """All pages, each with its line and its names."""
    shown = [name for page in PAGES.values() for name in names_of(page)]
    lost = set(public_names()) - set(shown)
    assert not lost, f"PAGES in docs/api_pages.py has no place for {sorted(lost)}"
    assert len(shown) == len(set(shown)), "a name is on two pages of the API"
    lines = [
        *("Python API", "==========", ""),
        "What ``import splatseg`` offers. Everything else may change. Arrays are given with their shapes: N Gaussians, "
        "F feature channels, H x W pixels; see :doc:`conventions`. To begin with: :doc:`python`, a notebook, and "
        ":doc:`examples`, whole programs.",
        "",
        *(".. toctree::", "   :hidden:", "", *(f"   api/{name}" for name in PAGES), ""),
    ]
    for name, page in PAGES.items():
        lines += [f":doc:`api/{name}`", f"   {page.about}", ""]
        lines += [f"   {', '.join(f':py:obj:`~splatseg.{one}`' for one in names_of(page))}", ""]
    return "\n".join(lines)


def one_page(name: str) -> str:
    """A page: its names with their first lines, then each with all that it has and the examples that use it."""
    page, used = PAGES[name], uses()
    lines = [page.title, "=" * len(page.title), "", page.about, ""]
    names = names_of(page)
    lines += _summary(f"splatseg.{one}" for one in names) if len(names) > 1 else []
    for one in names:
        value = getattr(splatseg, one)
        methods = _methods(value) if _kind(value) == "class" else []
        if len(methods) >= MANY:
            lines += [one, "-" * len(one), "", *_summary(f"~splatseg.{one}.{method}" for method in methods)]
        lines.append(f".. auto{_kind(value)}:: splatseg.{one}")
        # Members that a class of ours has from another of ours, which has no place in the API of its own.
        inherits = any(base.__module__.startswith("splatseg") for base in getattr(value, "__bases__", ()))
        lines += ["   :inherited-members:", ""] if inherits and _kind(value) == "class" else [""]
        if one in used:
            links = ", ".join(f":ref:`{_title(path)} <{label(path)}>`" for path in used[one])
            lines += [f"   Used in: {links}.", ""]
    return "\n".join(lines)


def _summary(names: Iterable[str]) -> list[str]:
    """A table of names with the first lines of their docstrings."""
    return [".. autosummary::", "   :nosignatures:", "", *(f"   {name}" for name in names), ""]


def _methods(kind: type) -> list[str]:
    """The public methods and properties of a class, in the order of its text."""
    kinds = (types.FunctionType, classmethod, staticmethod, property, functools.cached_property)
    bases = [base for base in kind.__mro__ if base.__module__.startswith("splatseg")]
    members = [name for base in bases for name, value in vars(base).items() if isinstance(value, kinds)]
    return [name for name in dict.fromkeys(members) if not name.startswith("_")]


def names_of(page: ApiPage) -> list[str]:
    """The public names of a page, those of its first room first."""
    names = public_names()
    return [name for room in page.rooms for name, module in names.items() if f"{module}.".startswith(f"{room}.")]


def public_names() -> dict[str, str]:
    """The public names with the modules they are from, in the order of the stub."""
    names: dict[str, str] = {}
    for node in ast.parse((ROOT / "splatseg" / "__init__.pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module != "version":
            names |= {alias.name: node.module or alias.name for alias in node.names}
    return names


def examples() -> list[Path]:
    """The example programs, by their numbers."""
    return sorted((ROOT / "examples").glob("[0-9]*.py"))


def label(example: Path) -> str:
    """The label of an example's section, for links."""
    return f"example-{int(example.stem.partition('_')[0])}"


def _title(example: Path) -> str:
    return example.stem.partition("_")[2].replace("_", " ")


@functools.cache
def uses() -> Mapping[str, list[Path]]:
    """The examples that use each public name: as splatseg.NAME, or by a method that only this class has."""
    found: dict[str, list[Path]] = {}
    owners = _owners()
    for path in examples():
        for name in dict.fromkeys(_used(ast.parse(path.read_text(encoding="utf-8")), owners)):
            found.setdefault(name, []).append(path)
    return found


def _used(tree: ast.AST, owners: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            ours = isinstance(node.value, ast.Name) and node.value.id == "splatseg"
            name = node.attr if ours else owners.get(node.attr)
            if name in splatseg.__all__:
                yield name


def _owners() -> Mapping[str, str]:
    """Classes by methods and properties that no other public class has."""
    classes = [name for name in splatseg.__all__ if inspect.isclass(getattr(splatseg, name))]
    having: dict[str, list[str]] = {}
    for name in classes:
        for member in dir(getattr(splatseg, name)):
            if not member.startswith("_"):
                having.setdefault(member, []).append(name)
    return {member: names[0] for member, names in having.items() if len(names) == 1}


def _kind(value: Any) -> str:
    if inspect.ismodule(value):
        return "module"
    if not inspect.isclass(value):
        return "function"
    return "exception" if issubclass(value, Exception) else "class"


def plain_docstring(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Sphinx's event autodoc-process-docstring: plain text, with `names` in backticks, as reStructuredText.

    Indented paragraphs are kept as they are written. A line that begins with a parameter and a colon begins a
    paragraph of its own.
    """
    del app, what, name, options
    try:
        parameters = set(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        parameters = set()
    made: list[str] = []
    for paragraph in "\n".join(lines).split("\n\n"):
        rows = paragraph.splitlines()
        if rows and rows[0] == "Example:":
            made += ["Example:", "", ".. code-block:: pycon", "", *rows[1:], ""]
            continue
        if rows and rows[0] == "Attributes:":
            made += ["Attributes:", "", *(f"* {_literal(row.strip())}" for row in _joined(rows[1:])), ""]
            continue
        if rows and all(row.startswith("    ") for row in rows):
            made += ["::", "", *rows, ""]
            continue
        for row in rows:
            parameter = re.match(r"(\w+): ", row)
            if parameter and parameter[1] in parameters:
                made += ["", f"**{_literal(parameter[1])}**: {_literal(row[parameter.end() :])}"]
            else:
                made.append(_literal(row))
        made.append("")
    lines[:] = made


def _joined(rows: list[str]) -> list[str]:
    """Rows of a section, each with the more deeply indented rows that continue it."""
    joined: list[str] = []
    for row in rows:
        if joined and row.startswith("        "):
            joined[-1] += " " + row.strip()
        else:
            joined.append(row.strip())
    return joined


def _literal(text: str) -> str:
    """Plain text as reStructuredText; what stands in backticks becomes code."""
    parts = re.split(r"(`+[^`]+`+)", text)
    return "".join(
        f"``{part.strip('`')}``" if part.startswith("`") else re.sub(r"([\\*|_])", r"\\\1", part) for part in parts
    )
