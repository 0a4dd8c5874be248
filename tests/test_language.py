"""The language of the house: docstrings name the thing or begin with a verb, and messages keep one register."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "splatseg"
MODULES = sorted(PACKAGE.rglob("*.py"))

ERRORS = re.compile(r"^(\w+Error)$")
"""Errors that a user can cause have messages for a user; so have assertions of none."""

NAMES = ("Ctrl-C", "Python", "Gaussian", "COLMAP", "Grounding DINO", "Label Studio")
"""Proper names, which keep their capital at the beginning of a message."""


def _docstrings(tree: ast.AST) -> Iterator[str]:
    """All strings that stand as statements: docstrings of modules, classes, functions, attributes and constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value.strip()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_docstring_begins_with_a_question_word(module: Path) -> None:
    for text in _docstrings(ast.parse(module.read_text())):
        assert not re.match(r"(What|Where|How|Whether)\b", text), text.splitlines()[0]


def _fields_without_docstring(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            continue
        if not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
            continue
        for field, after in zip(node.body, [*node.body[1:], ast.Pass()], strict=True):
            said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if isinstance(field, ast.AnnAssign) and not ast.unparse(field.target).startswith("_") and not said:
                yield f"{node.name}.{ast.unparse(field.target)}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_field_of_a_public_dataclass_has_a_docstring(module: Path) -> None:
    assert not list(_fields_without_docstring(ast.parse(module.read_text())))


def _messages(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The messages of raised errors and of warnings, with line numbers; what is put into them as {}."""
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else None
        if isinstance(call, ast.Call) and call.args and _is_error(call.func):
            text = _text(call.args[0])
            if text is not None:
                yield node.lineno, text
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "warn":
            text = _text(node.args[0]) if node.args else None
            if text is not None:
                yield node.lineno, text


def _is_error(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and ERRORS.match(function.id) is not None


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_message_begins_in_lower_case_and_has_no_full_stop_at_its_end(module: Path) -> None:
    for line, text in _messages(ast.parse(module.read_text())):
        capital = re.match(r"[A-Z][a-z]", text) and not text.startswith(NAMES)
        assert not capital, f"line {line}: {text!r} begins with a capital"
        assert not text.rstrip().endswith(".") or text.endswith("..."), f"line {line}: {text!r} ends with a full stop"


def test_a_message_in_another_register_would_be_found() -> None:
    tree = ast.parse('raise MaskError(f"No mask in {folder}.")')
    ((_, text),) = _messages(tree)
    assert text == "No mask in {}."
