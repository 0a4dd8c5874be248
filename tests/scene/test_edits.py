"""Edits can be undone after the run was closed and opened again; a file of another table is not believed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import viewer_scenes

import splatseg
from splatseg.run.folder import Run
from splatseg.scene import keeper
from splatseg.scene import table_state as module
from splatseg.scene.scene import Scene
from splatseg.scene.table import SegmentTable
from splatseg.segments.segments_json import read_segments, write_segments
from splatseg.tensors import load_tensors, write_tensors


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(keeper, "DEBOUNCE", 1e6)
    made, _ = viewer_scenes.run(tmp_path)
    return made


def opened(run: Run) -> tuple[Scene, SegmentTable]:
    scene = splatseg.open(run.path)
    assert scene.keeper is not None
    scene.keeper._views = ()
    return scene, scene.segments


def edited(table: SegmentTable) -> None:
    table.rename(1, "mug")
    table.merge([1, 2])
    table.create(table.ids == 3, "lid")
    table.recolor(1, (1, 2, 3))
    table.delete(1)
    table.undo()
    table.undo()


def said(table: SegmentTable) -> tuple[list[int], list[tuple[int, str, Any, int]]]:
    return table.ids.tolist(), [(row.id, row.name, row.color, row.count) for row in table.rows()]


def test_undo_and_redo_go_on_where_they_were(run: Run) -> None:
    scene, table = opened(run)
    edited(table)
    scene.close()
    again, found = opened(run)
    for go in ("undo", "undo", "undo", "undo", "redo", "redo", "redo", "redo", "redo", "redo"):
        assert said(found) == said(table)
        with warnings.catch_warnings(action="ignore"):  # edits of the closed scene are not kept
            expected = getattr(table, go)()
        assert getattr(found, go)() == expected
    assert said(found) == said(table)
    again.close()


def test_new_edits_after_reopening_are_undone_before_the_old_ones(run: Run) -> None:
    scene, table = opened(run)
    table.rename(1, "mug")
    scene.close()
    scene, table = opened(run)
    table.rename(1, "red mug")
    scene.close()
    scene, table = opened(run)
    assert [table.undo(), table.row(1).name, table.undo(), table.row(1).name] == ["rename", "mug", "rename", "left"]
    scene.close()


def test_after_somebody_else_wrote_the_table_there_is_nothing_to_undo(run: Run) -> None:
    scene, table = opened(run)
    table.rename(1, "mug")
    scene.close()
    write_segments(run.segments_path, [row.renamed("other") for row in read_segments(run.segments_path)])
    _, table = opened(run)
    assert not table.can_undo and not table.can_redo


def test_the_oldest_edits_go_when_they_take_too_much(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, table = opened(run)
    table.merge([1, 2])
    table.delete(3)
    monkeypatch.setattr(module, "MOST", 40)
    scene.close()
    _, table = opened(run)
    assert table.undo() == "delete" and not table.can_undo


Facts = dict[str, Any]
DAMAGE: dict[str, Callable[[dict[str, np.ndarray], Facts], object]] = {
    "a Gaussian beyond the last": lambda tensors, facts: tensors["where"].__setitem__(0, 10**6),
    "a Gaussian below the first": lambda tensors, facts: tensors["where"].__setitem__(0, -1),
    "a Gaussian twice": lambda tensors, facts: tensors["where"].__setitem__(0, tensors["where"][1]),
    "an id that it does not have": lambda tensors, facts: tensors["after"].__setitem__(0, 7),
    "an id without a row": lambda tensors, facts: tensors["before"].__setitem__(0, 7),
    "an id below 0": lambda tensors, facts: tensors["before"].__setitem__(0, -7),
    "an id beyond all": lambda tensors, facts: tensors["before"].__setitem__(0, 2**31 - 1),
    "a row too few": lambda tensors, facts: facts["edits"][1]["before"].pop(),
    "a row too many": lambda tensors, facts: facts["edits"][1]["after"].append(facts["edits"][1]["before"][1]),
    "more Gaussians than there are": lambda tensors, facts: facts["edits"][1].update(count=10**9),
    "more to redo than there are": lambda tensors, facts: facts.update(undone=9),
    "a list of another length": lambda tensors, facts: tensors.update(after=tensors["after"][1:]),
    "no edits": lambda tensors, facts: facts.update(edits=5),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_a_stranger_changed_undoes_nothing(run: Run, damage: str) -> None:
    scene, table = opened(run)
    table.rename(3, "lid")
    table.merge([1, 2])
    scene.close()
    tensors, facts = load_tensors(run.edits_path)
    tensors = {name: array.copy() for name, array in tensors.items()}
    DAMAGE[damage](tensors, facts)
    write_tensors(run.edits_path, module.FORMAT, tensors, facts)
    _, table = opened(run)
    assert not table.can_undo and not table.can_redo and said(table)[1][0][1] == "left"
