"""The public names: each resolves, the type checker sees the same ones, and importing the package costs little."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import splatseg

STUB = Path(splatseg.__file__).with_suffix(".pyi")

OTHERS = {"__version__", "errors"}
"""Neither functions nor classes."""


def _names_the_type_checker_sees() -> list[str]:
    imports = [node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ImportFrom)]
    return sorted(alias.name for node in imports for alias in node.names if alias.name not in OTHERS)


def test_the_listed_names_are_what_the_type_checker_sees() -> None:
    assert sorted(splatseg.__all__) == sorted([*_names_the_type_checker_sees(), *OTHERS])


@pytest.mark.parametrize("name", _names_the_type_checker_sees())
def test_every_public_name_resolves_and_is_listed(name: str) -> None:
    assert getattr(splatseg, name).__name__ == name
    assert name in dir(splatseg)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="splatseg attribute splines"):
        splatseg.splines  # noqa: B018


def test_importing_the_package_loads_neither_torch_nor_scipy() -> None:
    code = "import sys, splatseg; print([m for m in ('torch', 'scipy', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


ARRAY = re.compile(r"\b(ndarray|Tensor)\b")
SHAPE = re.compile(r"\([A-Z0-9][\w +*]*,[^()]*\)")
"""(N,), (N,3), (H, W, 3), ..."""


def _callables(name: str) -> list[tuple[str, object]]:
    """A public function; or a public class with its public methods and properties."""
    value = getattr(splatseg, name)
    if not inspect.isclass(value):
        return [(name, value)]
    members = [(f"{name}.{key}", member) for key, member in vars(value).items() if not key.startswith("_")]
    kinds = (types.FunctionType, classmethod, staticmethod, property, functools.cached_property)
    return [(name, value), *(pair for pair in members if isinstance(pair[1], kinds))]


def _function(value: object) -> object:
    if isinstance(value, property):
        return value.fget
    if isinstance(value, functools.cached_property):
        return value.func
    return getattr(value, "__func__", value)


@pytest.mark.parametrize("name", _names_the_type_checker_sees())
def test_every_public_name_is_typed_and_tells_the_shapes_of_its_arrays(name: str) -> None:
    for said, value in _callables(name):
        function = _function(value)
        text = inspect.getdoc(function)
        assert text, f"{said} has no docstring"
        if inspect.isclass(function):
            hints = getattr(function, "__annotations__", {})
        else:
            hints = function.__annotations__  # type: ignore[attr-defined]
            wanted = {key for key in inspect.signature(function).parameters if key not in ("self", "cls")}  # type: ignore[arg-type]
            assert wanted | {"return"} <= set(hints), f"{said} is not wholly typed"
        if any(ARRAY.search(str(hint)) for hint in hints.values()):
            module = sys.modules[value.__module__].__doc__ if inspect.isclass(value) else ""
            assert SHAPE.search(text + (module or "")), f"{said} takes or gives arrays and says no shape"


ROOT = Path(__file__).resolve().parents[1]


def _python_that_users_read() -> list[tuple[str, str]]:
    """Examples, and the Python in README and the documentation."""
    texts = [(path.name, path.read_text()) for path in sorted((ROOT / "examples").glob("*.py"))]
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        if path.name != "plan.md":
            cells = re.findall(r"```(?:\{code-cell\} ipython3|python)\n(.*?)```", path.read_text(), re.DOTALL)
            texts += [(path.name, cell) for cell in cells]
    return texts


@pytest.mark.parametrize(("place", "text"), _python_that_users_read())
def test_what_a_user_reads_needs_no_name_from_an_inner_room(place: str, text: str) -> None:
    assert not re.search(r"(from|import) splatseg\.", text), f"{place} imports past the public names"
    unknown = set(re.findall(r"\bsplatseg\.(\w+)", text)) - set(splatseg.__all__) - {"errors"}
    assert not unknown, f"{place} uses splatseg.{unknown}, which is no public name"


def test_a_person_can_hold_the_public_names_in_mind() -> None:
    assert len(splatseg.__all__) <= 45, "some 40"
