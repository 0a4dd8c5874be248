"""What training views have not seen of a held-out view is measured from the geometry."""

from __future__ import annotations

import dataclasses

import numpy as np
import scenes
import torch

from splatseg.report.coverage import Coverage
from splatseg.report.findings import HARDLY_SEEN, hardly_seen
from splatseg.splats.splats import Splats


def ball() -> Splats:
    """A closed ball around the origin that fills most of the pictures of `cameras`."""
    splats, _ = scenes.things(centres=((0.0, 0.0, 0.0),), each=1500, size=1.0)
    return dataclasses.replace(splats, log_scales=torch.full((1500, 3), float(np.log(0.05))))


CAMERAS = scenes.ring(24, radius=3.0, width=36, height=36, focal=50.0)
"""Every 15 degrees around the ball."""


def test_a_view_among_training_views_is_seen() -> None:
    unseen = Coverage(ball(), [*CAMERAS[:3], *CAMERAS[4:]]).unseen(CAMERAS[3])
    assert unseen.few < 0.1
    assert 0.02 < unseen.empty < 1 - np.pi * (50 / np.sqrt(8)) ** 2 / 36**2  # beside the ball, which ends softly


def test_the_back_of_a_thing_photographed_from_the_front_is_not() -> None:
    front = Coverage(ball(), [CAMERAS[k] for k in (22, 23, 0, 1, 2)])
    back, among = front.unseen(CAMERAS[12]), front.unseen(CAMERAS[0])
    assert back.few > 0.95 * (1 - back.empty)
    assert among.few < 0.05


def test_the_far_side_is_unseen_even_where_only_the_front_has_gaussians() -> None:
    whole = ball()
    towards = torch.as_tensor(CAMERAS[0].position, dtype=torch.float32)
    front = whole.subset(whole.means @ towards > 0)  # a fit to the front has nothing at the back: its inside is seen
    back = Coverage(front, [CAMERAS[k] for k in (22, 23, 0, 1, 2)]).unseen(CAMERAS[12])
    assert back.few > 0.9 * (1 - back.empty)


def test_one_training_view_is_too_few_and_two_are_enough() -> None:
    splats = ball()
    assert Coverage(splats, [CAMERAS[0]]).unseen(CAMERAS[0]).few > 0.5
    assert Coverage(splats, [CAMERAS[0], CAMERAS[0]]).unseen(CAMERAS[0]).few == 0.0


def test_what_another_thing_hides_from_the_training_views_is_unseen() -> None:
    splats, thing = scenes.things(centres=((0.0, 0.0, 0.0), (0.0, 0.0, 1.5)), each=1500, size=0.5)
    splats = dataclasses.replace(splats, log_scales=torch.full((3000, 3), float(np.log(0.04))))
    rear = splats.subset(torch.from_numpy(thing == 1))
    ahead = [camera for camera in scenes.ring(48, radius=4.0) if camera.position[2] > 3.9]
    between = scenes.ring(4, radius=0.8, width=36, height=36, focal=50.0)[0]
    assert Coverage(rear, ahead).unseen(between).few < 0.1
    assert Coverage(splats, ahead).unseen(between).few > 0.9


def test_pixels_that_do_not_count_are_left_out() -> None:
    coverage = Coverage(ball(), [CAMERAS[0]])
    nothing = np.ones((36, 36), dtype=bool)
    assert coverage.unseen(CAMERAS[12], nothing).share == 0.0
    nothing[:, :18] = False
    assert 0.5 < coverage.unseen(CAMERAS[12], nothing).share <= 1.0


def test_a_view_that_no_fit_can_show_is_named_with_its_reason() -> None:
    coverage = Coverage(ball(), [CAMERAS[k] for k in (22, 23, 0, 1, 2)])
    views = {"back.jpg": coverage.unseen(CAMERAS[12])}
    (found,) = hardly_seen(views, {"back.jpg": 12.3})
    assert found.views == ("back.jpg",) and found.severity > HARDLY_SEEN
    assert "1 held-out view shows" in found.title
    assert "fewer than 2 training views have seen from that side" in found.text and "12.3 dB" in found.text
    seen = dataclasses.replace(views["back.jpg"], empty=0.0, few=0.1)
    assert hardly_seen({"back.jpg": seen}, {"back.jpg": 12.3}) == []  # however bad its picture is
