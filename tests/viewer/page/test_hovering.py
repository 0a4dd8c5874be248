"""What is lit under the pointer: what a click there would take."""

from __future__ import annotations

import numpy as np
from scenes import ring
from viewer_scenes import CAMERA, on, workspace

from splatseg.regions.drawn import lasso_pixels
from splatseg.viewer.drawing.picture import picture
from splatseg.viewer.page.hovering import NOTHING, Hover, outline


def filled(path: str, width: int, height: int) -> np.ndarray:
    """The pixels inside the pieces of a path, by the even-odd rule."""
    inside = np.zeros((height, width), dtype=bool)
    for piece in filter(None, path.replace("Z", "").split("M")):
        points = np.array([[float(each) for each in point.split(" ")] for point in piece.split("L")])
        inside ^= lasso_pixels(points * (width, height), width, height)
    return inside


def test_an_outline_holds_the_mask_with_its_holes_and_pieces() -> None:
    rows, columns = np.mgrid[:90, :140]
    radius = np.hypot(rows - 40, columns - 50)
    mask = ((radius < 30) & (radius > 12)) | ((rows > 60) & (columns > 100))
    found = filled(outline(mask), 140, 90)
    assert (found & mask).sum() / (found | mask).sum() > 0.95
    assert outline(np.zeros((4, 4), dtype=bool)) == ""


def test_the_object_under_the_pointer_is_the_one_that_a_click_takes() -> None:
    space, thing = workspace()
    picture(space, CAMERA)
    hover = Hover(space)
    for label in (1, 2, 3):
        pixel = on(space, thing == label)
        path, text = hover.at(CAMERA, (pixel[0] / CAMERA.width, pixel[1] / CAMERA.height))
        space.click(CAMERA, pixel)
        assert text == f"segment {label} · {space.count} Gaussians"
        mask = space.session.mask(CAMERA, space.members)
        found = filled(path, CAMERA.width, CAMERA.height)
        assert (found & mask).sum() / (found | mask).sum() > 0.9


def test_names_hidden_things_and_granularity_are_those_of_now() -> None:
    space, thing = workspace()
    assert space.scene.table is not None
    pixel = on(space, thing == 1)
    place = (pixel[0] / CAMERA.width, pixel[1] / CAMERA.height)
    hover = Hover(space)
    picture(space, CAMERA)
    space.scene.table.rename(1, "mug")
    assert hover.at(CAMERA, place)[1] == "mug · 40 Gaussians"
    space.granularity = 0.9
    assert hover.at(CAMERA, place)[1] == "mug + segment 3 · 80 Gaussians"
    space.granularity = 0.0
    assert hover.at(CAMERA, place)[1] == "part · 20 Gaussians"
    space.granularity = None
    space.select_segment(1)
    space.hide_selection()
    picture(space, CAMERA)
    assert hover.at(CAMERA, place) == NOTHING


def test_beside_the_scene_and_before_its_picture_nothing_is_lit() -> None:
    space, thing = workspace()
    hover, (x, y) = Hover(space), on(space, thing == 1)
    assert hover.at(CAMERA, (x / CAMERA.width, y / CAMERA.height)) == NOTHING, "no picture was drawn yet"
    picture(space, CAMERA)
    assert hover.at(CAMERA, (0.001, 0.999)) == NOTHING
    assert hover.at(CAMERA, (1.5, 0.5)) == NOTHING
    assert hover.at(ring(4, width=120, height=80, focal=90.0)[1], (0.5, 0.5)) == NOTHING
