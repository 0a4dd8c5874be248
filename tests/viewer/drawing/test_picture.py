"""Pictures: every mode shows what it says, a selection is marked where it is, and what is hidden is not there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from viewer_scenes import ALONG, CAMERA, on, scene, workspace

from splatseg.cameras.camera import Camera
from splatseg.render.label_maps import selection_mask
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.scene.table import table_of_file
from splatseg.viewer.drawing.caption import add_caption
from splatseg.viewer.drawing.color_maps import DEPTH, HEAT, LEVELS, ramp
from splatseg.viewer.drawing.highlight import REACH, highlight
from splatseg.viewer.drawing.picture import NO_VIEW, draft_camera, picture
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.draft_size import LONGEST, STEPS, Pace
from splatseg.viewer.workspace.workspace import Workspace

MODES = ("color", "features", "segments", "overlay", "similarity", "depth")


def around(mask: np.ndarray, reach: int) -> np.ndarray:
    """Pixels no farther than `reach` from the mask, in x and in y."""
    values = torch.from_numpy(mask).float()[None, None]
    return torch.nn.functional.max_pool2d(values, 2 * reach + 1, 1, reach)[0, 0].numpy() > 0


def test_without_a_selection_the_colours_are_those_of_the_splat() -> None:
    space, _ = workspace()
    np.testing.assert_array_equal(picture(space, CAMERA), to_uint8(render_rgb(space.scene.splats, CAMERA)))


@pytest.mark.parametrize("mode", MODES)
def test_a_selection_changes_the_pixels_it_covers_and_no_others(mode: str) -> None:
    space, thing = workspace()
    space.mode = mode
    space.click(CAMERA, on(space, thing == 2))
    query = space.query
    marked = picture(space, CAMERA)
    space.clear()
    space._mean = (space.step.members, query)  # the same similarity, whatever is selected
    plain = picture(space, CAMERA)
    mask = selection_mask(space.scene.splats, CAMERA, thing == 2)
    changed = (marked.astype(int) != plain).any(-1)
    assert mask.any() and not changed[~around(mask, REACH)].any()
    border = mask & around(~mask, 1)
    assert changed[border].mean() > 0.95, "the outline is seen in every mode"
    if mode == "color":
        assert changed[mask].all()


@pytest.mark.parametrize("mode", MODES)
def test_a_picture_after_a_click_has_the_bits_of_one_drawn_anew(mode: str) -> None:
    space, thing = workspace()
    space.mode = mode
    picture(space, CAMERA)
    at_random = np.random.default_rng(0).random(len(thing)) < 0.5
    for chosen in (thing == 2, at_random, thing > 0, at_random & (thing == 1)):
        space.select_gaussians(chosen)
        np.testing.assert_array_equal(picture(space, CAMERA), picture(space.copy(), CAMERA))
        np.testing.assert_array_equal(picture(space, ALONG), picture(space.copy(), ALONG))
    plain = picture(space, CAMERA, marked=False)
    space.clear()
    if mode != "similarity":  # shows what is like the selection
        np.testing.assert_array_equal(picture(space, CAMERA), plain)


def marked(cover: np.ndarray) -> np.ndarray:
    """A grey picture with a selection."""
    grey = np.full((*cover.shape, 3), 128, dtype=np.uint8)
    highlight(grey, cover.astype(np.float32))
    return grey


def test_the_outline_is_amber_within_and_dark_around() -> None:
    cover = np.zeros((40, 40))
    cover[10:30, 10:30] = 1.0
    image = marked(cover)
    assert image[10, 20, 0] > 230 and image[10, 20, 2] < 80, "amber"
    assert (image[8, 20] < 100).all(), "dark"
    assert (image[:7] == 128).all() and (image[:, 33:] == 128).all()
    np.testing.assert_array_equal(np.rot90(image), marked(np.rot90(cover)), "the same from every side")
    assert (marked(np.full((40, 40), 0.5)) == 128).all(), "half a pixel is not more than half"


def test_the_frame_of_the_picture_is_no_border() -> None:
    everything = marked(np.ones((40, 40)))
    assert (everything == everything[20, 20]).all()
    left = np.zeros((40, 40))
    left[:, :20] = 1.0
    assert (marked(left) == marked(left)[20]).all()


@pytest.mark.parametrize("mode", ["color", "segments", "overlay", "depth"])
def test_a_scene_with_hidden_things_is_the_scene_without_them(mode: str) -> None:
    space, thing = workspace()
    plain = picture(space, CAMERA)
    left = space.scene.splats.subset(torch.from_numpy(thing != 1))
    table = table_of_file(left)
    for row in space.scene.table.rows():
        if row.id != 1:
            table.recolor(row.id, row.color)
    without = Workspace(ShownScene(left, "without", table))
    space.mode = without.mode = mode
    before = picture(space, CAMERA)
    space.set_visible(1, False)
    np.testing.assert_array_equal(picture(space, CAMERA), picture(without, CAMERA))
    space.show_all()
    np.testing.assert_array_equal(picture(space, CAMERA), before)
    space.mode = "color"
    np.testing.assert_array_equal(picture(space, CAMERA), plain)


def test_segments_are_shown_in_the_colours_of_the_table() -> None:
    space, thing = workspace()
    space.mode = "segments"
    space.scene.table.recolor(2, (0, 255, 0))
    x, y = (int(each) for each in on(space, thing == 2))
    red, green, blue = picture(space, CAMERA)[y, x].tolist()
    assert green > 100 and max(red, blue) < 10
    space.scene.table.recolor(2, (255, 0, 0))
    assert picture(space, CAMERA)[y, x, 0] > 100, "an edit is seen in the next picture"
    space.scene.table.delete(2)
    assert len(set(picture(space, CAMERA)[y, x].tolist())) == 1, "what is of no segment is grey"


def test_segments_at_a_granularity_are_parts_in_colours_of_their_own() -> None:
    space, _ = workspace()
    space.mode = "segments"
    whole = picture(space, CAMERA)
    space.set_granularity(0.1)
    parts = picture(space, CAMERA)
    assert (whole != parts).any()
    space.set_granularity(0.5)
    np.testing.assert_array_equal(picture(space, CAMERA), whole)


def test_what_is_alike_is_hot() -> None:
    space, thing = workspace()
    space.mode = "similarity"
    space.click(CAMERA, on(space, thing == 2))
    shown = picture(space, CAMERA).astype(int).sum(-1)
    (x, y), (u, v) = (tuple(int(each) for each in on(space, thing == label)) for label in (2, 1))
    assert shown[y, x] > 2 * shown[v, u]


def test_what_is_near_is_lighter_than_what_is_far() -> None:
    space, thing = workspace()
    space.mode = "depth"
    space.set_visible(3, False)
    near = picture(space, ALONG)
    space.set_visible(1, False)
    far = picture(space, ALONG)
    here = selection_mask(space.scene.splats, ALONG, thing == 1)
    assert near[here].mean() > far[here][far[here].max(-1) > 0].mean()


def test_a_draft_is_the_picture_in_a_smaller_size() -> None:
    space, thing = workspace()
    space.click(CAMERA, on(space, thing == 2))
    camera = CAMERA.resized(240, 160)
    still, draft = picture(space, camera), picture(space, camera, draft=True)
    assert draft.shape == (80, 120, 3), "half the size to begin with"
    reduced = np.asarray(Image.fromarray(still).resize((120, 80), Image.Resampling.BOX)).astype(float)
    assert np.abs(reduced - draft).mean() < 6.0


def test_a_draft_takes_the_colours_of_a_place_nearby_only() -> None:
    made, thing = scene()
    generator = torch.Generator().manual_seed(0)
    splats = made.splats.replace(shN=0.5 * torch.randn(len(thing), 15, 3, generator=generator))
    space = Workspace(ShownScene(splats, "glossy", table_of_file(splats)))
    picture(space, CAMERA)
    colors = space.canvas.colors(CAMERA, draft=True)

    def moved(by: float) -> Camera:
        viewmat = CAMERA.viewmat.copy()
        viewmat[0, 3] += by
        return Camera(viewmat, CAMERA.K, CAMERA.width, CAMERA.height)

    assert space.canvas.colors(moved(0.02), draft=True) is colors
    assert not torch.equal(space.canvas.colors(moved(0.02), draft=False), colors)
    assert not torch.equal(space.canvas.colors(moved(2.0), draft=True), colors)


def test_moving_pictures_get_smaller_when_they_take_long_and_larger_again() -> None:
    pace = Pace()
    sizes = [pace.scale]
    for seconds in (2 * LONGEST,) * 20 + (0.1 * LONGEST,) * 40:
        pace.took(seconds)
        sizes.append(pace.scale)
    scales = list(dict.fromkeys(scale for scale, _ in STEPS))
    assert min(sizes) == scales[-1] and sizes[-1] == scales[0]
    steps = np.diff([scales.index(size) for size in sizes])
    assert set(steps.tolist()) <= {-1, 0, 1}
    steady = Pace()
    for number in range(30):
        steady.took(0.8 * LONGEST if number % 3 else 3 * LONGEST)
    assert steady.scale == sizes[0], "one slow picture among others changes nothing"


def test_where_gaussians_are_merged_cells_grow_before_pictures_get_smaller() -> None:
    pace, taken = Pace(), []
    for seconds in (0.1 * LONGEST,) * 30 + (2 * LONGEST,) * 40:
        pace.took(seconds, merged=True)
        taken.append((pace.scale, pace.cell))
    assert taken[29] == (1.0, 1) and taken[-1] == STEPS[-1]
    assert set(taken[29:]) == set(STEPS), "every step is taken, one after the other"


def test_the_view_is_prepared_once_for_a_click_and_the_picture_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from splatseg.select import session as module

    prepared = []
    original = module.prepare
    monkeypatch.setattr(module, "prepare", lambda *given: prepared.append(given[-1]) or original(*given))
    space, thing = workspace()
    picture(space, CAMERA)
    for label, how in ((1, "new"), (2, "add"), (1, "remove")):
        space.click(CAMERA, on(space, thing == label), how)
        picture(space, CAMERA)
    space.set_granularity(0.9)
    picture(space, CAMERA)
    assert len(prepared) == 1


def test_the_draft_camera_sees_what_the_camera_sees() -> None:
    space, _ = workspace()
    small = draft_camera(space, CAMERA)
    pixels, _ = CAMERA.project(np.zeros((1, 3)))
    reduced, _ = small.project(np.zeros((1, 3)))
    np.testing.assert_allclose(pixels / (CAMERA.width, CAMERA.height), reduced / (small.width, small.height))


@pytest.mark.parametrize("stops", [HEAT, DEPTH])
def test_colours_of_numbers_go_evenly_from_dark_to_light_or_back(stops: tuple) -> None:
    from splatseg.oklab import oklab_of

    table = ramp(stops)
    assert table.shape == (LEVELS, 3)
    lightness = oklab_of((table * 255).numpy())[:, 0]
    steps = np.diff(lightness) * np.sign(lightness[-1] - lightness[0])
    assert steps.sum() > 0.6 and steps.min() > -0.01 and steps.max() < 0.02


@pytest.mark.parametrize("mode", ["color", "segments", "similarity"])
def test_without_its_mark_a_selection_changes_no_picture(mode: str) -> None:
    space, _ = workspace()
    space.mode = mode
    query = space.query
    plain = picture(space, CAMERA)
    space.select_segment(1)
    assert not np.array_equal(picture(space, CAMERA), plain)
    if mode != "similarity":
        np.testing.assert_array_equal(picture(space, CAMERA, marked=False), plain)
    else:  # which the selection asks for
        assert query is None and not np.array_equal(picture(space, CAMERA, marked=False), plain)


@pytest.mark.parametrize("size", [(720, 1280), (60, 80), (20, 400), (3, 2)])
def test_a_caption_fits_into_a_picture_of_any_size_and_leaves_the_rest_of_it(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 200, np.uint8)
    add_caption(image, NO_VIEW)
    assert image.max() <= 245 and (image < 100).any()
    if size[0] > 100:
        assert (image[: size[0] - 60] == 200).all() and (image[-20:] > 220).any()
