"""The shape of the house: small modules, imports that flow one way, a public list that is explicit."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "splatseg"
MODULES = sorted(PACKAGE.rglob("*.py"))

ORDER = [
    ["parts"],
    [
        *("errors", "arrays", "files", "plain_text", "interrupts", "version"),
        *("oklab", "resampling", "spread", "cards", "nearest"),
    ],
    ["machine"],
    ["points"],
    ["untrusted"],
    ["tensors", "progress"],
    ["engine"],
    ["cameras"],
    ["capture"],
    ["models"],
    ["masks"],
    ["raster"],
    ["splats"],
    ["segments"],
    ["formats"],
    ["levels"],
    ["render"],
    ["mesh"],
    ["checks"],
    ["train"],
    ["votes"],
    ["features"],
    ["borders"],
    ["cluster"],
    ["refine"],
    ["clean", "fill"],
    ["select"],
    ["regions"],
    ["words", "evaluate"],
    ["demo"],
    ["run"],
    ["scene"],
    ["report"],
    ["requests"],
    ["poses"],
    ["jobs"],
    ["viewer"],
    ["cli"],
]
"""The rooms from the ground up; a module imports from rooms below its own."""

NATIVE_ORDER = [
    ["parts"],
    ["threads"],
    ["memory"],
    ["simd"],
    ["sparse"],
    ["raster"],
    ["votes", "points", "image", "regions"],
    ["bindings"],
]
"""The folders of native/ from the ground up; a file includes from its own folder and from those below."""

NATIVE = sorted(path for path in (ROOT / "native").rglob("*") if path.suffix in (".cpp", ".h"))

RANK = {stage: rank for rank, stages in enumerate(ORDER) for stage in stages}

LOOPS = {"fit_splats"}
"""The training loop may be longer than other functions."""

MOST_FILES = 16
"""Files of code in one folder: more are no room but a corridor."""


def _stage(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("splatseg"):
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names if alias.name.startswith("splatseg"))
    return names


def _functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_fits_its_budget(module: Path) -> None:
    text = module.read_text()
    assert text.count("\n") <= 400, "a module has at most 400 lines"
    for function in _functions(ast.parse(text)):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        docstring = ast.get_docstring(function, clean=False)
        length -= docstring.count("\n") + 1 if docstring else 0
        limit = 100 if function.name in LOOPS else 60
        assert length <= limit, f"{function.name} has {length} lines; the limit is {limit}"
        arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
        assert len(arguments) <= 10, f"{function.name} has {len(arguments)} arguments; pass a settings object"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_flow_from_left_to_right(module: Path) -> None:
    stage = _stage(module)
    if stage in ("__init__", "__main__"):
        return
    assert stage in RANK, f"{stage} has no place in the order of stages"
    for name in _imports(ast.parse(module.read_text())):
        parts = name.split(".")
        if len(parts) > 1 and parts[1] in RANK and parts[1] != stage:
            assert RANK[parts[1]] < RANK[stage], f"{stage} must not import {name}: it lies to its right"


@pytest.mark.parametrize("source", NATIVE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_native_file_fits_its_budget_and_opens_with_what_it_is(source: Path) -> None:
    text = source.read_text()
    assert text.count("\n") <= 400, "a file of code has at most 400 lines"
    assert text.startswith("// "), "a file of code opens with what it is"


@pytest.mark.parametrize("source", NATIVE, ids=lambda path: str(path.relative_to(ROOT)))
def test_includes_of_the_native_code_flow_from_left_to_right(source: Path) -> None:
    rank = {folder: rank for rank, folders in enumerate(NATIVE_ORDER) for folder in folders}
    own = source.relative_to(ROOT / "native").parts[0]
    for included in re.findall(r'#include "([^"]+)"', source.read_text()):
        folder = included.split("/")[0]
        assert folder == own or rank[folder] < rank[own], f"{own} must not include {included}: it lies to its right"


def test_a_folder_holds_no_more_than_one_can_take_in() -> None:
    for folder in {path.parent for path in [*MODULES, *NATIVE]} | {ROOT / "native"}:
        code = [path for path in folder.iterdir() if path.suffix in (".py", ".cpp", ".h", ".js")]
        assert len(code) <= MOST_FILES, f"{folder.relative_to(ROOT)} has {len(code)} files of code"


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "misc", "common", "helpers", "base", "manager"}
    assert not [path for path in MODULES if path.stem in drawers]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_public_function_says_what_it_does(module: Path) -> None:
    tree = ast.parse(module.read_text())
    if module.name != "__init__.py" or module.read_text().strip():
        assert ast.get_docstring(tree), "a module opens with what it is"
    for node in tree.body:
        public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        assert not public or ast.get_docstring(node), f"{node.name} has no docstring"


def test_only_the_bindings_know_python() -> None:
    for source in NATIVE:
        if source.parent.name != "bindings":
            assert not re.search(r"nanobind|Python\.h", source.read_text()), source.name


def test_nothing_of_the_machine_or_its_registries_is_named() -> None:
    words = ["/" + "work/", "/" + "root/", "pypi" + ".org", "registry.npm" + "js"]
    suffixes = {".py", ".md", ".toml", ".txt", ".cpp", ".h", ".yml", ".yaml", ".json", ".html", ".sh"}
    skipped = {".git", ".venv", "build", "runs"}
    for path in ROOT.rglob("*"):
        if path.suffix in suffixes and path.is_file() and not skipped & set(path.relative_to(ROOT).parts):
            text = path.read_text(errors="replace")
            found = [word for word in words if word in text]
            assert not found, f"{path.relative_to(ROOT)} names {found}"


def test_coroutines_of_tests_run_where_no_browser_has_a_loop() -> None:
    called = "asyncio" + ".run("
    assert not [path for path in (ROOT / "tests").rglob("*.py") if called in path.read_text()], "call awaited instead"
