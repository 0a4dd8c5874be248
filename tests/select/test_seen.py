"""What is seen at a pixel: the thing there, its place and its feature; looked at once, however often it is asked."""

from __future__ import annotations

import numpy as np
import pytest
from viewer_scenes import CAMERA, carrying, pixel_on

from splatseg.errors import PromptError
from splatseg.select.session import Session


def test_the_label_that_makes_up_most_of_a_pixel_is_that_of_the_thing_seen_there() -> None:
    splats, thing = carrying()
    session = Session(splats)
    for label in (1, 2, 3):
        seen = session.look(CAMERA, pixel_on(splats, thing == label))
        assert seen.most(thing) == label
        assert seen.most(thing, np.arange(4) != label) != label
        members = session.segment_at(seen)
        assert members is not None
        np.testing.assert_array_equal(members, thing == label)


def test_the_point_seen_lies_on_the_thing_and_under_the_click() -> None:
    splats, thing = carrying()
    click = pixel_on(splats, thing == 2)
    xyz = Session(splats).look(CAMERA, click).xyz
    assert xyz is not None
    pixels, _ = CAMERA.project(np.array([xyz]))
    np.testing.assert_allclose(pixels[0], click, atol=1e-6)
    apart = np.linalg.norm(splats.means.numpy()[thing == 2] - np.array(xyz), axis=1)
    assert apart.min() < 0.2


def test_the_feature_is_a_unit_vector_like_those_of_the_thing() -> None:
    splats, thing = carrying()
    session = Session(splats)
    feature = session.look(CAMERA, pixel_on(splats, thing == 3)).feature
    assert np.linalg.norm(feature) == pytest.approx(1.0, abs=1e-5)
    assert session.features[thing == 3].mean(0) @ feature > 0.9


def test_where_nothing_is_seen_there_is_no_point_no_segment_and_no_feature() -> None:
    splats, _ = carrying()
    session = Session(splats)
    seen = session.look(CAMERA, (0.0, 0.0))
    assert seen.xyz is None and session.segment_at(seen) is None
    with pytest.raises(PromptError, match="nothing with features is seen at the click"):
        _ = seen.feature


def test_a_click_is_looked_at_once_also_when_segments_change_meanwhile() -> None:
    splats, thing = carrying()
    session, click = Session(splats), pixel_on(splats, thing == 1)
    seen = session.look(CAMERA, click)
    assert session.look(CAMERA, click) is seen
    assert session.with_segments((thing % 2).astype(np.int32)).look(CAMERA, click) is seen
    assert session.without(thing == 1).look(CAMERA, click) is not seen


def test_a_click_outside_the_image_is_an_error() -> None:
    splats, _ = carrying()
    with pytest.raises(PromptError, match="outside the image of 120x80 pixels"):
        Session(splats).look(CAMERA, (120.0, 3.0))
