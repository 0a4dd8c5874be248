"""What the buttons write is what is shown."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import viewer_scenes
from PIL import Image
from viewer_scenes import CAMERA, scene, workspace

from splatseg.errors import OutputError, PromptError
from splatseg.formats.read import load_splats
from splatseg.render.label_maps import selection_mask
from splatseg.viewer.drawing.picture import picture
from splatseg.viewer.shown_scene import open_shown
from splatseg.viewer.writing.exports import (
    export_all_segments,
    export_masks_of_all_views,
    export_rest,
    export_selection,
    frames,
    new_path,
    screenshot,
)


@pytest.mark.parametrize("suffix", [".ply", ".splat", ".compressed.ply"])
def test_the_selection_and_the_rest_are_the_whole(tmp_path: Path, suffix: str) -> None:
    made, thing = scene()
    assert export_selection(made, thing == 1, tmp_path / f"a{suffix}").startswith("wrote 40 Gaussians to ")
    export_rest(made, thing == 1, tmp_path / f"b{suffix}")
    parts = [load_splats(tmp_path / f"{name}{suffix}")[0] for name in "ab"]
    assert [len(part) for part in parts] == [40, 80]
    found = np.sort(parts[0].means.numpy(), axis=0)
    np.testing.assert_allclose(found, np.sort(made.splats.means.numpy()[thing == 1], axis=0), atol=0.02)


def test_what_cannot_be_written_says_so(tmp_path: Path) -> None:
    made, thing = scene()
    nothing = np.zeros(len(thing), dtype=bool)
    for suffix in (".ply", ".splat"):
        with pytest.raises(PromptError, match="nothing is selected"):
            export_selection(made, nothing, tmp_path / f"a{suffix}")
    with pytest.raises(PromptError, match="no rest"):
        export_rest(made, ~nothing, tmp_path / "a.ply")
    with pytest.raises(OutputError, match="no suffix that names a format; there are ply"):
        export_selection(made, thing == 1, tmp_path / "a.xyz")
    with pytest.raises(PromptError, match="no views to write masks of"):
        export_masks_of_all_views(made, thing == 1, tmp_path)
    assert not list(tmp_path.iterdir())


def test_every_segment_is_a_file_named_after_it_with_edits_as_they_are_now(tmp_path: Path) -> None:
    made, _ = scene()
    made.table.merge([1, 2])
    made.table.rename(1, "a/b: mug?")
    told = []
    export_all_segments(made, tmp_path, progress=lambda done, of: told.append((done, of)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["001-a-b-mug.ply", "003-segment-3.ply"]
    splats, _ = load_splats(tmp_path / "001-a-b-mug.ply")
    assert len(splats) == 80 and set(splats.segment_ids.tolist()) == {1} and told == [(1, 2), (2, 2)]


def test_masks_of_all_views_are_those_of_the_selection(tmp_path: Path) -> None:
    run, thing = viewer_scenes.run(tmp_path)
    made = open_shown(run.path)
    made.views = made.views[:3]
    export_masks_of_all_views(made, thing == 1, tmp_path / "out")
    for view in made.views:
        written = np.asarray(Image.open(tmp_path / "out" / view.png_name)) > 0
        np.testing.assert_array_equal(written, selection_mask(made.splats, view.camera, thing == 1))


def test_screenshots_and_frames_are_the_pictures(tmp_path: Path) -> None:
    space, _ = workspace()
    space.select_segment(2)
    screenshot(space, CAMERA, tmp_path / "shot.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "shot.png")), picture(space, CAMERA))
    for image in frames(space, [CAMERA, CAMERA]):
        np.testing.assert_array_equal(image, picture(space, CAMERA))
    with pytest.raises(PromptError, match=r"does not end in \.png"):
        screenshot(space, CAMERA, tmp_path / "shot.gif")


def test_two_who_write_in_one_second_do_not_write_one_file(tmp_path: Path) -> None:
    given = [new_path(tmp_path / "exports", "selection", ".ply") for _ in range(5)]
    assert len(set(given)) == 5 and {path.suffix for path in given} == {".ply"}
    assert (tmp_path / "exports").is_dir()


@pytest.mark.parametrize(
    "suffix", ["/../../keep.ply", "/a.ply", "\\a.ply", "/", "\0.ply", ":a.ply", " .ply", "\n", "*", "\u202e.ply"]
)
def test_what_is_exported_has_a_name_and_no_path(tmp_path: Path, suffix: str) -> None:
    for stem in ("rest", "..", "", ".hidden", "C:\\rest"):
        with pytest.raises(PromptError, match="is not the name of a file"):
            new_path(tmp_path / "exports", stem, suffix)
    assert not list(tmp_path.iterdir())


def test_links_in_the_folder_of_exports_lead_no_export_out_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.strftime", lambda _: "NOW")
    victim, folder = tmp_path / "victim", tmp_path / "exports"
    folder.mkdir()
    (folder / "rest-NOW.ply").symlink_to(victim)  # leads nowhere yet: writing through it would make the victim
    (folder / "rest-NOW-2.json").symlink_to(victim)  # a film has such a file beside it
    assert new_path(folder, "rest", ".ply") == folder / "rest-NOW-3.ply"
    (tmp_path / "linked").symlink_to(folder)
    with pytest.raises(PromptError, match="exports stay in the run, so remove the link"):
        new_path(tmp_path / "linked", "rest", ".ply")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be used for exports"):
        new_path(tmp_path / "file", "rest", ".ply")


def test_a_view_whose_name_leads_out_of_the_folder_gets_no_mask(tmp_path: Path) -> None:
    run, thing = viewer_scenes.run(tmp_path)
    made = open_shown(run.path)
    for name in ("../../out.jpg", str(tmp_path / "out.jpg")):
        made.views = (dataclasses.replace(made.views[0], name=name),)
        with pytest.raises(PromptError, match="has a name that leads out of"):
            export_masks_of_all_views(made, thing == 1, tmp_path / "masks" / "deep")
    assert not (tmp_path / "out.png").exists() and not (tmp_path / "masks").exists()


def test_a_name_of_any_length_in_any_script_is_a_file_name(tmp_path: Path) -> None:
    made, _ = scene()
    made.table.rename(1, "\U00010400" * 100)  # four bytes each
    made.table.rename(2, "../../\x00CON")
    export_all_segments(made, tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 3 and all(len(name.encode()) <= 160 for name in names)
    assert names[1] == "002-CON-.ply"
