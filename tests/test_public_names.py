"""The public names: each resolves, the type checker sees the same ones, and importing the package costs little."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import splatseg

SOURCE = Path(splatseg.__file__)


def _names_the_type_checker_sees() -> dict[str, str]:
    block = next(node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: (node.module or "").removeprefix("splatseg.") for node in imports for alias in node.names}


def test_the_table_of_names_is_what_the_type_checker_sees() -> None:
    assert _names_the_type_checker_sees() == splatseg._STAGE_OF


@pytest.mark.parametrize("name", sorted(_names_the_type_checker_sees()))
def test_every_public_name_resolves_and_is_listed(name: str) -> None:
    assert getattr(splatseg, name).__name__ == name
    assert name in dir(splatseg)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'splines'"):
        splatseg.splines  # noqa: B018


def test_importing_the_package_loads_neither_torch_nor_scipy() -> None:
    code = "import sys, splatseg; print([m for m in ('torch', 'scipy', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
