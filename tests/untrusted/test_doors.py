"""Files of strangers come in through the doors of `splatseg.untrusted` and through no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import splatseg

PACKAGE = Path(splatseg.__file__).parent
OUTSIDE = sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "untrusted")
PARSERS = re.compile(r"json\.loads?\(|yaml\.(safe_|full_|unsafe_)?load\(|Image\.open\(|np\.load\(|literal_eval\(")


@pytest.mark.parametrize("module", OUTSIDE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_json_yaml_pictures_and_arrays_are_parsed_behind_the_guards_alone(module: Path) -> None:
    assert not PARSERS.search(module.read_text(encoding="utf-8"))
