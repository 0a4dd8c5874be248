"""Selections of a scene: the same as the parts they are made of, bound to one object that is easy to hold."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import viewer_scenes
from PIL import Image
from viewer_scenes import CAMERA, carrying, halves, pixel_on

import splatseg
from splatseg.errors import OutputError, PromptError, RunError
from splatseg.render.label_maps import selection_mask
from splatseg.scene.opening import scene_of_run
from splatseg.scene.table import table_of_file
from splatseg.segments.segments_json import read_segments
from splatseg.select.knowledge import Knowledge
from splatseg.select.prompts import select_by_prompts


@pytest.fixture
def made() -> tuple[splatseg.Scene, np.ndarray]:
    """The three things, without a run."""
    splats, thing = carrying()
    return splatseg.Scene(splats, "things", table_of_file(splats), hierarchy=halves(thing)), thing


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    """A run of the three things."""
    return viewer_scenes.run(tmp_path)[0].path


def test_a_click_selects_what_prompts_on_the_splat_select(made: tuple[splatseg.Scene, np.ndarray]) -> None:
    scene, thing = made
    for label in (1, 2, 3):
        pixel = pixel_on(scene.splats, thing == label)
        prompt = splatseg.Prompt(CAMERA, click=pixel)
        plain = select_by_prompts(scene.splats, [prompt], Knowledge(None, scene.hierarchy))
        selection = scene.click(CAMERA, pixel)
        np.testing.assert_array_equal(selection.members, plain.members)
        np.testing.assert_array_equal(selection.scores, plain.scores)
        np.testing.assert_array_equal(selection.mask(CAMERA), selection_mask(scene.splats, CAMERA, plain.members))


def test_a_mask_of_a_selection_selects_it_again(made: tuple[splatseg.Scene, np.ndarray], tmp_path: Path) -> None:
    scene, thing = made
    mug = scene.click(CAMERA, pixel_on(scene.splats, thing == 1))
    np.testing.assert_array_equal(scene.mask(CAMERA, mug.mask(CAMERA)).members, mug.members)
    Image.fromarray(mug.mask(CAMERA)).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(scene.mask(CAMERA, tmp_path / "mask.png").members, mug.members)
    with pytest.raises(PromptError, match=r"the mask has 60x40 pixels, the view 120x80; resize the mask"):
        scene.mask(CAMERA, np.ones((40, 60), dtype=bool))


def test_prompts_are_added_and_taken_away_together(made: tuple[splatseg.Scene, np.ndarray]) -> None:
    scene, thing = made
    pixels = {label: pixel_on(scene.splats, thing == label) for label in (1, 2)}
    both = scene.click(CAMERA, pixels[1]).add(CAMERA, click=pixels[2])
    np.testing.assert_array_equal(both.members, (thing == 1) | (thing == 2))
    assert [prompt.wanted for prompt in both.prompts] == [True, True]
    group = scene.click(CAMERA, pixels[1], granularity=0.9)
    np.testing.assert_array_equal(group.members, thing % 2 == 1)
    one = group.remove(CAMERA, click=pixel_on(scene.splats, thing == 3))
    np.testing.assert_array_equal(one.members, thing == 1)
    with pytest.raises(PromptError, match="exactly one of a click, a box and a mask"):
        both.add(CAMERA)


def test_a_prompt_changes_a_selection_that_no_prompt_made(made: tuple[splatseg.Scene, np.ndarray]) -> None:
    scene, thing = made
    group = scene.segment(1, 2)
    assert group.count == 80 and group.prompts == ()
    left = group.remove(CAMERA, click=pixel_on(scene.splats, thing == 2))
    np.testing.assert_array_equal(left.members, thing == 1)
    np.testing.assert_array_equal(left.add(CAMERA, click=pixel_on(scene.splats, thing == 3)).members, thing % 2 == 1)


@pytest.mark.parametrize(
    ("asked", "said"), [({"granularity": 2.0}, "from 0 to 1"), ({"threshold": -3.0}, "from -1 to 1")]
)
def test_a_number_out_of_range_is_told(
    made: tuple[splatseg.Scene, np.ndarray], asked: dict[str, float], said: str
) -> None:
    scene, thing = made
    with pytest.raises(PromptError, match=f"give a number {said}"):
        scene.click(CAMERA, pixel_on(scene.splats, thing == 1), **asked)


def test_growing_goes_along_the_hierarchy_and_needs_one(made: tuple[splatseg.Scene, np.ndarray]) -> None:
    scene, thing = made
    one = scene.click(CAMERA, pixel_on(scene.splats, thing == 1))
    np.testing.assert_array_equal(one.grow().members, (thing == 1) | (thing == 3))
    assert one.shrink().count == 20 and one.grow(5).count == one.grow().count
    scene.hierarchy = None
    with pytest.raises(RunError, match=r"things has no hierarchy of segments to go along; run `splatseg segment"):
        one.grow()


def test_selections_are_sets(made: tuple[splatseg.Scene, np.ndarray]) -> None:
    scene, thing = made
    one, two, three = (scene.segment(label) for label in (1, 2, 3))
    np.testing.assert_array_equal((one | two).members, thing <= 2)
    np.testing.assert_array_equal(((one | two) & (two | three)).members, thing == 2)
    np.testing.assert_array_equal(((one | two) - two).members, thing == 1)
    np.testing.assert_array_equal((~one).members, one.rest.members)
    assert len(one) == one.count == one.splats.means.shape[0]


def test_naming_a_selection_renames_the_segment_or_makes_one(made: tuple[splatseg.Scene, np.ndarray]) -> None:
    scene, _ = made
    one = scene.segment(1)
    one.name = "mug"
    assert scene.segments["mug"].id == 1 and one.name == "mug" and scene.segment("mug").count == 40
    part = one.shrink()
    assert part.name == "" and part.segment is None
    part.name = "handle"
    assert part.name == "handle" and scene.segments["handle"].count == 20 and scene.segments["mug"].count == 20
    assert len(scene.segments) == 4 and "handle" in scene.segments and 99 not in scene.segments
    assert (scene.segment("mug") | part).name == "mug + handle"


def test_a_name_that_no_segment_has_or_that_several_have_is_told(made: tuple[splatseg.Scene, np.ndarray]) -> None:
    scene, _ = made
    scene.segments.rename(1, "red mug")
    with pytest.raises(PromptError, match=r"no segment is called 'red mog'; did you mean red mug"):
        scene.segments["red mog"]
    scene.segments.rename(2, "red mug")
    with pytest.raises(PromptError, match=r"2 segments are called 'red mug' \(ids 1, 2\); give the id"):
        scene.segment("red mug")
    with pytest.raises(PromptError, match="no segment 7"):
        scene.segment(7)


def test_an_exported_selection_comes_back_as_a_scene(made: tuple[splatseg.Scene, np.ndarray], tmp_path: Path) -> None:
    scene, _ = made
    scene.segments.rename(2, "mug")
    for name in ("mug.ply", "mug.splat"):
        again = splatseg.open(scene.segment(2).export(tmp_path / name))
        assert len(again.splats) == 40 and [row.count for row in again.segments] == [40]
    assert again.segments["mug"].id == 2, "beside a file that has no room for them, ids and names come back"
    with pytest.raises(OutputError, match=r"mug\.splat is part of what is exported and would be lost"):
        again.export(tmp_path / "mug.splat")
    with pytest.raises(PromptError, match="nothing is selected"):
        scene.gaussians(np.zeros(len(scene.splats), dtype=bool)).export(tmp_path / "none.ply")


def test_edits_are_in_the_run_when_they_are_saved_or_nobody_holds_the_scene_any_more(run_path: Path) -> None:
    scene = splatseg.open(run_path)
    assert scene.keeper is not None
    scene.keeper._views = scene.views[:1]
    scene.segment(1).shrink().name = "handle"
    assert scene.save_state == "saving"
    scene.save()
    assert scene.save_state == "saved"
    assert sorted(row.name for row in read_segments(run_path / "segments.json")) == ["handle", "left", "right", "top"]
    ids = scene.segments.ids
    np.testing.assert_array_equal(splatseg.load_splats(run_path / "splats.ply")[0].segment_ids, ids)
    scene.segments.merge([2, 3])
    ids = scene.segments.ids
    del scene
    gc.collect()
    np.testing.assert_array_equal(splatseg.load_splats(run_path / "splats.ply")[0].segment_ids, ids)


def test_confidence_stays_in_the_table_when_names_change(run_path: Path) -> None:
    rows = read_segments(run_path / "segments.json")
    splatseg_rows = [row.__class__(**(row.__dict__ | {"confidence": 0.9})) for row in rows]
    from splatseg.segments.segments_json import write_segments

    write_segments(run_path / "segments.json", splatseg_rows)
    with splatseg.open(run_path) as scene:
        scene.segments.rename(1, "mug")
    assert [row.confidence for row in read_segments(run_path / "segments.json")] == [0.9, 0.9, 0.9]


def test_a_view_is_named_or_given_and_an_unknown_one_is_told_with_those_there_are(run_path: Path) -> None:
    scene = splatseg.open(run_path)
    view = scene.view("012.jpg")
    assert scene.camera("012.jpg") is scene.camera(view) is scene.camera(view.camera)
    with pytest.raises(PromptError, match=r"no view '999.jpg'; the 64 views are 000.jpg, 001.jpg, .*, \.\.\."):
        scene.click("999.jpg", (1, 1))
    loose = splatseg.Scene(scene.splats, "file.ply")
    with pytest.raises(PromptError, match=r"file.ply has no capture, so no view '012.jpg'; give a camera instead"):
        loose.view("012.jpg")


def test_a_run_whose_capture_is_gone_opens_with_a_warning_and_says_why_it_has_no_views(
    run_path: Path, tmp_path: Path
) -> None:
    config = run_path / "config.yaml"
    text = config.read_text()
    (line,) = [line for line in text.splitlines() if "path:" in line]
    config.write_text(text.replace(line, f"  path: {tmp_path / 'gone'}"))
    with pytest.warns(UserWarning, match="gone"):
        scene = splatseg.open(run_path)
    assert scene.views == () and scene.segment(1).count == 40
    with pytest.raises(PromptError, match="gone"):
        scene.mask("012.jpg", np.ones((2, 2), dtype=bool))


def test_a_damaged_file_of_a_run_is_an_error_unless_the_viewer_opens_it(run_path: Path) -> None:
    (run_path / "hierarchy.safetensors").write_bytes(b"no")
    with pytest.raises(RunError, match=r"hierarchy.safetensors cannot be read"):
        splatseg.open(run_path)
    scene = scene_of_run(splatseg.Run(run_path, _settings(run_path)), splatseg.Scene, lenient=True)
    assert scene.hierarchy is None and "hierarchy.safetensors cannot be read" in scene.warnings[0]
    scene.close()


def _settings(path: Path) -> splatseg.RunSettings:
    from splatseg.run.folder import open_run

    return open_run(path).settings


def test_a_plain_splat_has_no_segments_and_says_how_to_get_some(tmp_path: Path) -> None:
    splats, _ = carrying()
    scene = splatseg.Scene(splats.plain(), "plain")
    with pytest.raises(RunError, match=r"plain has no segments yet; make them with `splatseg segment RUN --masks DIR`"):
        _ = scene.segments
    with pytest.raises(PromptError, match="open a run"):
        scene.text("mug")
    with pytest.raises(ValueError, match=r"members must be \(120,\) bool, got \(3,\) int64"):
        scene.gaussians(np.array([1, 2, 3]))


def test_what_a_scene_renders_is_what_is_asked_for(run_path: Path) -> None:
    scene = splatseg.open(run_path)
    camera = viewer_scenes.CAMERA
    for what in ("rgb", "features", "segments", "overlay", "depth"):
        picture = scene.render(camera, what)
        assert picture.shape == (80, 120, 3) and picture.dtype == np.uint8 and picture.any()
    labels = scene.label_map(camera)
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    shown = scene.segment(1).render(camera)
    assert (shown != scene.render(camera)).any()
    covered = scene.segment(1).coverage(camera)
    np.testing.assert_allclose(covered.sum(), scene.segment(1).mask(camera).sum(), rtol=0.1)


@pytest.mark.parametrize("of", ["scene", "selection", "table", "splats", "run"])
def test_objects_show_themselves_in_a_notebook_without_a_script(run_path: Path, of: str) -> None:
    scene = splatseg.open(run_path)
    scene.segments.rename(1, "<script>alert(1)</script>")
    shown = {
        "scene": scene,
        "selection": scene.segment(1),
        "table": scene.segments,
        "splats": scene.splats,
        "run": scene.run,
    }[of]
    page = shown._repr_html_()
    assert "<script" not in page and "http" not in page
    assert ("data:image/jpeg;base64," in page) == (of != "table")
    assert "\n" not in repr(shown) and len(repr(shown)) < 200
    scene.close()


def test_a_click_lists_its_levels_from_part_to_group(made: tuple[splatseg.Scene, np.ndarray]) -> None:
    scene, thing = made
    pixel = pixel_on(scene.splats, thing == 1)
    mug = scene.click(CAMERA, pixel)
    part, same, group = mug.levels
    assert (mug.level, part.level, same.level, group.level) == (2, 1, 2, 3)
    np.testing.assert_array_equal(same.members, mug.members)
    assert part.members.sum() < mug.count and (part.members <= mug.members).all()
    np.testing.assert_array_equal(group.members, np.isin(thing, [1, 3]))
    np.testing.assert_array_equal(scene.click(CAMERA, pixel, level=3).members, group.members)
    assert mug.describe_level() == "level 2 of 3"


def test_the_levels_of_a_click_are_found_once(
    made: tuple[splatseg.Scene, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, thing = made
    asked = []
    find = splatseg.scene.state.levels_of_click
    monkeypatch.setattr("splatseg.scene.state.levels_of_click", lambda *of: asked.append(of) or find(*of))
    monkeypatch.setattr("splatseg.select.prompts.levels_of_click", lambda *of: asked.append(of) or find(*of))
    mug = scene.click(CAMERA, pixel_on(scene.splats, thing == 1))
    assert [one.level for one in mug.levels] == [1, 2, 3] and mug.level == 2 and mug.describe_level()
    assert len(asked) == 1


def test_prompts_that_contradict_each_other_are_doubted(made: tuple[splatseg.Scene, np.ndarray]) -> None:
    scene, thing = made
    pixel = pixel_on(scene.splats, thing == 1)
    mug = scene.click(CAMERA, pixel)
    assert mug.doubts == () and scene.segment(1).doubts == () and mug.grow().doubts == ()
    with_both = mug.add(CAMERA, mask=scene.segment(2).mask(CAMERA))
    assert with_both.doubts == ()
    beside = splatseg.Selection(scene, scene.segment(2)._match, mug.prompts)
    x, y = (int(side) for side in pixel)
    assert beside.doubts == (
        f"the wanted click ({x}, {y}) in the view is outside the selection; prompt in another view",
    )


def test_only_one_click_has_levels(made: tuple[splatseg.Scene, np.ndarray]) -> None:
    scene, thing = made
    pixel = pixel_on(scene.splats, thing == 1)
    for other in (scene.segment(1), scene.box(CAMERA, (10, 10, 60, 60)), scene.click(CAMERA, pixel).grow()):
        assert other.levels == () and other.level is None and other.describe_level() == ""
    with pytest.raises(PromptError, match="no level 9 at the click: it has 3"):
        scene.click(CAMERA, pixel, level=9)
    with pytest.raises(PromptError, match="a level belongs to a click on a wanted object"):
        splatseg.Prompt(CAMERA, box=(1, 1, 9, 9), level=1)
    plain = splatseg.Scene(scene.splats, "plain", table_of_file(scene.splats))
    assert plain.click(CAMERA, pixel).levels == ()
    with pytest.raises(PromptError, match="there is no hierarchy of parts and wholes to take a level of"):
        plain.click(CAMERA, pixel, level=1)
