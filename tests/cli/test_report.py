"""The report of a real run: what was measured is on the page, and what is wrong with the masks is found."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from splatseg.report.measure import checks_of, findings_of, measure_run
from splatseg.report.run_report import report_run
from splatseg.run.folder import Run, open_run
from splatseg.run.reporter import NullReporter

SWAPPED, REMOVED = "010", "020"


@pytest.fixture
def spoiled(small_run: Path, tmp_path: Path) -> Run:
    """The small run as if one view had been given the masks of another, and one had none."""
    shutil.copytree(small_run, tmp_path / "run")
    run = open_run(tmp_path / "run")
    masks = tmp_path / "masks"
    shutil.copytree(run.settings.masks[0].path, masks)
    shutil.copy(masks / "040.png", masks / f"{SWAPPED}.png")
    (masks / f"{REMOVED}.png").unlink()
    return Run(run.path, run.settings.with_masks(masks))


def test_a_view_with_the_masks_of_another_and_one_without_any_are_found(spoiled: Run) -> None:
    measured = measure_run(spoiled, spoiled.splats(), NullReporter())
    worst = max(measured.masks, key=lambda view: view.shortfall)
    assert worst.view == f"{SWAPPED}.jpg" and worst.shortfall > 0.2
    assert measured.unmasked == (f"{REMOVED}.jpg",)
    named = [finding.views for finding in findings_of(spoiled, measured)]
    assert (f"{SWAPPED}.jpg",) in named and (f"{REMOVED}.jpg",) in named
    assert any("Masks of 55 training views" in check for check in checks_of(measured))


def test_a_view_that_a_finding_names_is_pictured_and_linked(spoiled: Run) -> None:
    report_run(spoiled, NullReporter())
    html = spoiled.report_path.read_text()
    anchor = re.search(rf'id="(view-\d+)" data-name="{SWAPPED}.jpg"', html)
    assert anchor and f'href="#{anchor[1]}"' in html
    assert "poor masks" in html and "Input masks" in html


def test_the_table_and_the_page_say_how_confident_segments_are(small_run: Path) -> None:
    rows = json.loads((small_run / "segments.json").read_text())
    assert rows and all(0 <= row["confidence"] <= 1 for row in rows)
    html = (small_run / "report.html").read_text()
    shown = {
        int(key): float(value) for key, value in re.findall(r'data-segment="(\d+)".*?data-confidence="([^"]+)"', html)
    }
    assert shown == pytest.approx({row["id"]: row["confidence"] for row in rows}, abs=1e-3)
    assert "What went wrong" in html


def test_a_run_without_votes_says_why_there_is_no_confidence(small_run: Path, tmp_path: Path) -> None:
    shutil.copytree(small_run, tmp_path / "run")
    (tmp_path / "run" / "votes.safetensors").unlink()
    run = open_run(tmp_path / "run")
    report_run(Run(run.path, dataclasses.replace(run.settings, method="paper")), NullReporter())
    assert "There is no confidence" in run.report_path.read_text()


def test_sizes_are_measured_anew_for_the_page(small_run: Path, tmp_path: Path) -> None:
    shutil.copytree(small_run, tmp_path / "run")
    table = tmp_path / "run" / "segments.json"
    rows = json.loads(table.read_text())
    size = max(high - low for low, high in zip(*rows[0]["box"], strict=True))
    rows[0]["box"] = [[-500.0] * 3, [500.0] * 3]  # as an earlier version would have it
    table.write_text(json.dumps(rows))
    report_run(open_run(tmp_path / "run"), NullReporter())
    html = (tmp_path / "run" / "report.html").read_text()
    (shown,) = re.findall(rf'data-segment="{rows[0]["id"]}"[^>]*data-size="([^"]+)"', html)
    assert float(shown) == pytest.approx(size, rel=1e-4)
