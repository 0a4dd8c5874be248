"""Edits are in the run: at once what is small, soon what is large, and nothing is lost if it all ends in between."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import viewer_scenes
from PIL import Image

import splatseg
from splatseg.formats.ply.ply import write_ply
from splatseg.render.label_maps import label_map
from splatseg.run.folder import LOCK, Run
from splatseg.run.hold import held
from splatseg.scene import keeper as module
from splatseg.scene.earlier_segments import earlier_segments, settled
from splatseg.scene.table import SegmentTable
from splatseg.segments.segment import describe_segments
from splatseg.segments.segments_json import read_segments, write_segments
from splatseg.splats.made_of import GEOMETRY, made_of
from splatseg.splats.splats import Splats
from splatseg.viewer.shown_scene import ShownScene, open_shown


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of the three things with two small views; what is large waits for the scene to close."""
    monkeypatch.setattr(module, "DEBOUNCE", 1e6)
    made, _ = viewer_scenes.run(tmp_path)
    monkeypatch.setitem(made.__dict__, "capture", made.capture)
    return made


def opened(run: Run) -> tuple[ShownScene, SegmentTable]:
    scene = open_shown(run.path)
    assert scene.table is not None and scene.keeper is not None
    scene.keeper._views = scene.views[:2]
    return scene, scene.table


def names(run: Run) -> dict[int, str]:
    return {row.id: row.name for row in read_segments(run.segments_path)}


def test_a_name_is_in_the_run_at_once(run: Run) -> None:
    scene, table = opened(run)
    table.rename(2, "mug")
    assert names(run)[2] == "mug" and scene.save_state == "saved"
    assert not run.unsaved_path.exists()


def test_closing_writes_the_splat_its_label_maps_and_its_table(run: Run) -> None:
    scene, table = opened(run)
    table.merge([1, 2])
    assert scene.save_state == "saving" and names(run) == {1: "left", 3: "top"}
    scene.close()
    assert scene.save_state == "saved" and not run.unsaved_path.exists()
    splats = run.splats()
    np.testing.assert_array_equal(splats.segment_ids.numpy(), table.ids)
    for view in scene.views[:2]:
        written = np.asarray(Image.open(run.path / "masks" / view.png_name))
        np.testing.assert_array_equal(written, label_map(splats, view.camera))


def test_what_is_large_is_written_soon_without_closing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEBOUNCE", 0.05)
    scene, table = opened(run)
    states = []
    table.listen(lambda: states.append(scene.save_state))
    table.merge([1, 2])
    for _ in range(600):
        if scene.save_state == "saved":
            break
        time.sleep(0.05)
    np.testing.assert_array_equal(run.splats().segment_ids.numpy(), table.ids)
    assert states[0] == "saving"


def test_after_a_crash_before_anything_large_was_written_the_edits_are_there(run: Run) -> None:
    scene, table = opened(run)
    table.rename(3, "lid")
    table.merge([1, 2])
    new = table.create(table.ids == 3, "cap")
    # The process ends here, and with it its hold; another opens the run.
    assert scene.keeper is not None
    scene.keeper._let_go()
    again, found = opened(run)
    np.testing.assert_array_equal(found.ids, table.ids)
    assert {row.id: row.name for row in found.rows()} == {1: "left", new: "cap"}
    assert found.create(found.ids == 1) not in (1, 2, 3, new)
    found.undo() if found.can_undo else None
    again.close()
    np.testing.assert_array_equal(run.splats().segment_ids.numpy(), table.ids)


@pytest.mark.parametrize("last", ["write_label_map", "write_earlier", "write_ply"])
def test_a_crash_between_two_files_leaves_a_run_that_opens_with_the_edits(
    run: Run, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    scene, table = opened(run)
    table.merge([1, 2])

    def crash(*given: object, **named: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(module, last, crash)
        scene.close()
    assert scene.save_state == "not kept: the disk is full"
    run.splats()
    again, found = opened(run)
    np.testing.assert_array_equal(found.ids, table.ids)
    assert {row.id: row.name for row in found.rows()} == {1: "left", 3: "top"}
    again.close()
    np.testing.assert_array_equal(run.splats().segment_ids.numpy(), table.ids)


@pytest.mark.parametrize("edit", ["another", "undo"])
def test_an_edit_while_the_splat_is_written_is_there_after_a_crash(
    run: Run, monkeypatch: pytest.MonkeyPatch, edit: str
) -> None:
    monkeypatch.setattr(module, "DEBOUNCE", 0.05)
    scene, table = opened(run)
    written: list[Path] = []

    def write(path: Path, splats: Splats, **named: Any) -> None:
        if written:
            raise OSError("the process ends here")
        table.undo() if edit == "undo" else table.delete(3)
        time.sleep(0.02)
        write_ply(path, splats, **named)
        written.append(path)

    monkeypatch.setattr(module, "write_ply", write)
    table.merge([1, 2])
    for _ in range(600):
        if scene.save_state.startswith("not kept"):
            break
        time.sleep(0.05)
    assert scene.save_state == "not kept: the process ends here"
    assert not np.array_equal(run.splats().segment_ids.numpy(), table.ids)
    monkeypatch.setattr(module, "DEBOUNCE", 1e6)
    _, found = opened(run)
    np.testing.assert_array_equal(found.ids, table.ids)


def test_unsaved_edits_of_a_splat_that_was_segmented_since_are_not_taken_up(run: Run) -> None:
    _, table = opened(run)
    table.merge([1, 2])
    time.sleep(0.02)
    write_ply(run.splats_path, run.splats())
    _, found = opened(run)
    assert set(np.unique(found.ids)) == {1, 2, 3}


@pytest.mark.parametrize("content", [b"", b"nonsense" * 9, b"\x02\0\0\0\0\0\0\0{}"])
def test_unsaved_edits_that_cannot_be_read_are_as_good_as_none(run: Run, content: bytes) -> None:
    run.unsaved_path.write_bytes(content)
    _, found = opened(run)
    assert set(np.unique(found.ids)) == {1, 2, 3}


def test_an_edit_that_was_undone_leaves_nothing_to_save(run: Run) -> None:
    before = run.splats_path.read_bytes()
    scene, table = opened(run)
    table.delete(2)
    table.undo()
    scene.close()
    assert run.splats().segment_ids.numpy().tolist() == table.ids.tolist() and names(run)[2] == "right"
    assert not run.unsaved_path.exists()
    assert run.splats_path.read_bytes() == before


def test_names_survive_another_segmentation_of_the_run(run: Run) -> None:
    scene, table = opened(run)
    table.rename(3, "lid")
    original = table.ids.copy()
    table.merge([1, 2])
    table.rename(1, "both")
    scene.close()
    splats = run.splats()
    ids, kept, _ = settled(run, splats, table.ids.copy(), earlier_segments(run, splats))
    assert (kept, set(ids.tolist())) == ({1: "both", 3: "lid"}, {1, 3})
    # And when it finds what was there before the merge, so are those names.
    ids, kept, _ = settled(run, splats, original, earlier_segments(run, splats))
    np.testing.assert_array_equal(ids, original)
    assert kept[3] == "lid" and kept[2] == "right"


def test_an_id_is_not_given_again_after_reopening(run: Run) -> None:
    scene, table = opened(run)
    new = table.create(table.ids == 1)
    table.undo()
    scene.close()
    write_segments(run.segments_path, describe_segments(run.splats()))
    again, found = opened(run)
    assert found.create(found.ids == 2) > new
    again.close()


def test_a_run_that_cannot_be_written_says_so_and_can_still_be_edited(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, table = opened(run)

    def refuse(*given: object, **named: object) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr(module, "write_segments", refuse)
    table.rename(1, "x")
    assert table.row(1).name == "x" and scene.save_state.startswith("not kept: ")
    assert "segments.json cannot be written (read-only file system)" in scene.save_state


@pytest.mark.parametrize("refused", ["write_segments", "write_unsaved", "write_ply"])
def test_what_could_not_be_written_is_tried_again_when_the_scene_closes(
    run: Run, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise OSError("the disk is full")

    scene, table = opened(run)
    with monkeypatch.context() as patch:
        patch.setattr(module, refused, refuse)
        patch.setattr(module, "DEBOUNCE", 0.05)
        table.merge([1, 2])
        for _ in range(600):
            if scene.save_state.startswith("not kept"):
                break
            time.sleep(0.05)
    scene.close()
    assert scene.save_state == "saved" and names(run) == {1: "left", 3: "top"}
    np.testing.assert_array_equal(run.splats().segment_ids.numpy(), table.ids)


def test_after_closing_edits_are_said_not_to_be_kept(run: Run) -> None:
    scene, table = opened(run)
    scene.close()
    table.rename(1, "late")
    assert scene.save_state.startswith("not kept: ") and names(run)[1] == "left"
    assert torch.equal(run.splats().segment_ids, torch.from_numpy(table.ids))


def test_edits_of_the_gaussians_of_another_splat_are_not_taken_up(tmp_path: Path) -> None:
    made, _ = viewer_scenes.run(tmp_path)
    splats = made.splats()
    ids = np.full(len(splats), 3, np.int32)
    for other, taken in ((splats, True), (splats.replace(means=splats.means + 1), False)):
        module.write_unsaved(made.unsaved_path, ids, 3, made_of(other, GEOMETRY))
        found = module.read_unsaved(made, splats)
        assert (found is not None) == taken


def test_of_two_who_have_a_run_open_the_second_to_edit_is_told_and_loses_nothing_of_the_first(run: Run) -> None:
    first, table = opened(run)
    second, other = opened(run)
    assert second.keeper is not None
    warned: list[str] = []
    second.keeper.warn = warned.append
    table.rename(1, "red mug")
    other.rename(2, "blue mug")
    assert (first.save_state, names(run)[1], names(run)[2]) == ("saved", "red mug", "right")
    assert second.save_state.startswith(f"not kept: somebody else changed the segments of {run.path} at ")
    assert second.save_state.endswith("open the run again and repeat what is missing")
    assert warned == [f"edits of segments are {second.save_state}"]
    second.close()
    assert names(run)[1] == "red mug", "nor when it closes"
    assert other.row(2).name == "blue mug", "what was edited can still be looked at"


def test_a_table_that_a_person_edits_on_disk_is_not_written_over(run: Run) -> None:
    scene, table = opened(run)
    rows = [row.renamed("by hand") for row in read_segments(run.segments_path)]
    write_segments(run.segments_path, rows)
    table.rename(1, "by click")
    assert set(names(run).values()) == {"by hand"} and scene.save_state.startswith("not kept: somebody else changed")


def test_a_splat_that_somebody_exchanges_while_edits_wait_is_not_written_over(run: Run) -> None:
    scene, table = opened(run)
    table.merge([1, 2])
    splats = run.splats()
    other = splats.replace(means=splats.means + 1)
    write_ply(run.splats_path, other)
    scene.close()
    assert torch.equal(run.splats().means, other.means) and scene.save_state.startswith("not kept: somebody else")


def test_edits_wait_while_another_process_saves_its_own(run: Run) -> None:
    scene, table = opened(run)
    with held(run.path, "splatseg segment"):
        table.rename(1, "mug")
        assert f"not kept: {run.path} is open in this very process, splatseg segment" in scene.save_state
        assert names(run)[1] == "left"
    assert scene.keeper is not None
    scene.keeper.again()
    assert scene.save_state == "saved" and names(run)[1] == "mug"
    assert not (run.path / LOCK).exists(), "nothing is held while nothing is to be saved"


def test_a_run_that_moved_away_is_told_and_gets_no_stump_and_its_edits_are_kept_when_it_is_back(run: Run) -> None:
    scene, table = opened(run)
    table.merge([1, 2])
    away = run.path.with_name("away")
    run.path.rename(away)
    table.rename(3, "lid")
    assert scene.save_state == f"not kept: the run is gone from {run.path}; move it back, and this is saved by itself"
    scene.save()
    assert not run.path.exists()
    away.rename(run.path)
    assert scene.keeper is not None
    scene.keeper.again()
    assert names(run) == {1: "left", 3: "lid"} and scene.save_state == "saving"
    scene.close()
    np.testing.assert_array_equal(run.splats().segment_ids.numpy(), table.ids)


def test_python_is_warned_of_edits_that_are_not_kept(run: Run) -> None:
    scene = splatseg.open(run.path)
    run.path.rename(run.path.with_name("away"))
    with pytest.warns(UserWarning, match="edits of segments are not kept: the run is gone"):
        scene.segments.rename(1, "mug")
