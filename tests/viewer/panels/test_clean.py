"""The controls for cleaning select, hide and leave out what the slider's strength takes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scenes import things

from splatseg.errors import PromptError
from splatseg.formats.read import load_splats
from splatseg.scene.table import table_of_file
from splatseg.viewer.panels.clean import CleanControls
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.workspace import Workspace

STRAYS = 3


class Page:
    """A page whose controls are plain objects; actions and long tasks are run at once."""

    def __init__(self) -> None:
        splats, thing = things(each=120)
        means = splats.means.clone()
        means[:STRAYS] = torch.tensor([[0.0, 500.0, 0.0], [500.0, 0.0, 0.0], [0.0, 0.0, 500.0]])
        splats = splats.replace(means=means, segment_ids=torch.from_numpy(thing).int())
        self.scene = ShownScene(splats, "things", table_of_file(splats))
        self.workspace = Workspace(self.scene)
        self.told = 0
        self.gui = SimpleNamespace(
            add_slider=lambda label, low, high, step, value, **options: control(value=value),
            add_button_group=lambda label, texts, **options: control(value=texts[0]),
            add_markdown=lambda text: control(content=text),
            add_progress_bar=lambda value, **options: control(value=value),
        )

    def offer(self, control: Any, accept: Any) -> None:
        pass

    def heard(self, callback: Any) -> Any:
        return callback

    def do(self, action: Any, key: str | None = None) -> None:
        action()

    def tell(self) -> None:
        self.told += 1

    def in_background(self, name: str, work: Any) -> None:
        work()


def control(**properties: Any) -> Any:
    """A control that listens to nothing."""
    made = SimpleNamespace(visible=True, **properties)
    made.on_update = made.on_click = lambda heard: None
    return made


class Writer:
    """A writer that writes at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_path(self, stem: str, suffix: str) -> Path:
        return self.folder / f"{stem}{suffix}"

    def progress(self, done: int, total: int) -> None:
        pass

    def write(self, work: Any, path: Path) -> None:
        work()


@pytest.fixture
def page() -> Any:
    return Page()


@pytest.fixture
def controls(page: Any, tmp_path: Path) -> CleanControls:
    return CleanControls(page, Writer(tmp_path), SimpleNamespace(value=".ply"))  # type: ignore[arg-type]


def test_a_preview_selects_the_strays_and_counts_them_by_reason(page: Any, controls: CleanControls) -> None:
    controls.preview()
    assert np.flatnonzero(page.workspace.members).tolist() == [0, 1, 2]
    controls.refresh()
    told = controls._status.content
    assert "3 of 360 Gaussians would go" in told
    assert "- 3 alone in space" in told and "- 3 outside the capture" in told


def test_moving_the_slider_previews_at_its_strength(page: Any, controls: CleanControls) -> None:
    controls._strength.show(0.0)
    controls.preview()
    assert page.workspace.count == 0
    controls._strength.show(1.0)
    controls.preview()
    assert page.workspace.count == STRAYS


def test_hiding_takes_the_strays_out_of_the_picture_and_the_file_keeps_them(page: Any, controls: CleanControls) -> None:
    controls.hide()
    assert page.workspace.hidden is not None and page.workspace.hidden.sum() == STRAYS
    controls.preview()
    assert page.workspace.count == 0, "hidden Gaussians are never selected"
    assert len(page.scene.splats) == 360


def test_an_export_without_them_needs_no_preview(page: Any, controls: CleanControls, tmp_path: Path) -> None:
    controls.export()
    assert len(load_splats(tmp_path / "clean.ply")[0]) == 360 - STRAYS
    assert page.workspace.count == 0


def test_the_search_is_told_while_it_lasts(page: Any, controls: CleanControls) -> None:
    seen: list[tuple[str, bool]] = []

    def look_then_work(name: str, work: Any) -> None:
        controls.refresh()
        seen.append((controls._status.content, controls._bar.visible))
        work()

    page.in_background = look_then_work
    controls.preview()
    controls.refresh()
    assert seen == [("Looking for floaters …", True)]
    assert "would go" in controls._status.content
    assert not controls._bar.visible


def test_a_search_beside_another_task_is_refused_and_can_be_asked_again(page: Any, controls: CleanControls) -> None:
    usual = page.in_background

    def refuse(name: str, work: Any) -> None:
        raise PromptError("another task is still running; wait until it has finished")

    page.in_background = refuse
    with pytest.raises(PromptError, match="another task is still running"):
        controls.preview()
    page.in_background = usual
    controls.preview()
    assert page.workspace.count == STRAYS
