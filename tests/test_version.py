"""The version has one place, pyproject.toml; whatever else names it must agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def _releases() -> list[tuple[str, str]]:
    """(version, date) of every release in the changelog, the newest first."""
    return re.findall(r"^## \[(\d[^\]]*)\] - (\d{4}-\d{2}-\d{2})$", CHANGELOG, re.MULTILINE)


def test_the_citation_names_the_version() -> None:
    assert str(CITATION["version"]) == VERSION


def test_the_newest_release_of_the_changelog_is_the_version_and_has_the_citation_s_date() -> None:
    assert _releases()[0] == (VERSION, str(CITATION["date-released"]))


def test_the_changelog_keeps_what_is_unreleased_on_top_and_releases_by_date() -> None:
    headings = re.findall(r"^## \[([^\]]+)\]", CHANGELOG, re.MULTILINE)
    assert headings[0] == "Unreleased"
    dates = [date for _, date in _releases()]
    assert dates == sorted(dates, reverse=True) and len(headings) == 1 + len(dates)


@pytest.mark.parametrize("name", ["splatseg", "tests"])
def test_no_module_names_the_version_itself(name: str) -> None:
    named = re.compile(rf"(?<![\d.]){re.escape(VERSION)}(?![\d.])")
    assert not [path for path in (ROOT / name).rglob("*.py") if named.search(path.read_text(encoding="utf-8"))]
