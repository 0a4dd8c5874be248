"""The page of a batch shows what failed first, and nothing that a stranger wrote is anything but text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from splatseg.jobs.batching.overview import overview_of
from splatseg.jobs.batching.page import lead_of, status_html, write_page
from splatseg.jobs.batching.records import Record
from splatseg.jobs.batching.task import Files
from splatseg.progress import Stage, write_stage

FIGURES = {"psnr": 27.813, "segments": 1, "gaussians": 120_000, "noisy_segments": 0}


def records(out: Path) -> list[Record]:
    """One scene in each state."""
    return [
        Record("waits", "waiting"),
        Record("garden", "done", output=str(out / "garden"), seconds=100, memory=3 * 10**9, figures=FIGURES),
        Record("<b>bad</b>", "failed", error="there is no <i>; make it", command="splatseg train '<b>bad</b>' -o x"),
        Record("runs", "running"),
        Record("halted", "stopped"),
    ]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of a batch with files of its scenes."""
    files = Files(tmp_path)
    files.folder.mkdir()
    (tmp_path / "garden").mkdir()
    (tmp_path / "garden" / "report.html").touch()
    files.log("garden").touch()
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(files.picture("garden"))
    write_stage(files.now("runs"), Stage("fitting", 100, 300, 65.4, {"PSNR": "20"}))
    return tmp_path


def test_what_failed_comes_first_with_its_sentence(out: Path) -> None:
    page = status_html(overview_of(Files(out), "train", records(out), workers=2))
    titles = [title.partition(" <")[0] for title in page.split("<h2>")[1:]]
    assert titles == ["Failed", "Running", "Stopped", "Done", "Waiting"]
    assert "there is no &lt;i&gt;; make it" in page and "<b>bad" not in page
    assert "fitting 100/300, about 1 min 05 s left" in page
    assert "PSNR 27.81 dB · 1 segment · 120,000 Gaussians" in page and "1 min 40 s, 3.0 GB" in page
    assert (
        'src="batch/garden.webp?' in page and 'href="garden/report.html"' in page and 'href="batch/garden.log"' in page
    )


def test_the_page_lives_as_long_as_the_batch(out: Path) -> None:
    running = overview_of(Files(out), "train", records(out), workers=2, dashboard="http://localhost:8787/status")
    assert 'http-equiv="refresh"' in status_html(running) and "http://localhost:8787/status" in status_html(running)
    assert 'http-equiv="refresh"' not in status_html(overview_of(Files(out), "train", records(out)))
    assert lead_of(running) == "1 of 5 done, 1 running, 1 failed, 1 stopped, about 1 min 15 s left"


def test_a_browser_shows_the_page_without_a_complaint(out: Path, browser: Any) -> None:
    overview = overview_of(Files(out), "train", records(out), workers=2)
    write_page(Files(out).page, overview)
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(Files(out).page.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture = page.get_by_alt_text("garden")
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('img').naturalWidth === 40")
    assert page.get_by_text("there is no <i>; make it").is_visible()
    assert not said
    context.close()
