"""What is said when the libraries of the extra are missing or do not fit."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest

from splatseg.errors import MaskError
from splatseg.models import transformers_library


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("transformers", ImportError("No module"), r"library transformers \(No module\); install .*splatseg\[masks\]"),
        ("torchvision", ImportError("No module"), r"library torchvision \(No module\); install .*splatseg\[masks\]"),
        ("torchvision", RuntimeError("other trouble"), r"torchvision does not work with torch .*other trouble"),
    ],
)
def test_libraries_that_are_missing_or_broken_are_named(
    monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, message: str
) -> None:
    def failing(wanted: str) -> Any:
        if wanted == name:
            raise error
        return importlib.import_module(wanted)

    monkeypatch.setattr(transformers_library, "importlib", SimpleNamespace(import_module=failing))
    with pytest.raises(MaskError, match=message):
        transformers_library.import_transformers.__wrapped__()
