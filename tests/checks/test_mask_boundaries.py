"""Masks are compared with their photographs before they are believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from splatseg.capture.capture import Capture, load_capture
from splatseg.capture.view import View
from splatseg.checks.mask_boundaries import mask_troubles
from splatseg.demo.demo import demo_capture
from splatseg.errors import MaskError
from splatseg.masks.segments import Segments, from_label_map
from splatseg.masks.store import open_masks


@pytest.fixture(scope="module")
def capture() -> Capture:
    return load_capture(demo_capture(), test_every=0)


@dataclass(frozen=True)
class Shifted:
    """Masks of a capture given to the views `by` further on."""

    capture: Capture
    by: int = 0
    broken: tuple[str, ...] = ()

    def read(self, view: View) -> Segments | None:
        if view.name in self.broken:
            raise MaskError(f"the mask of {view.name} cannot be read")
        names = [other.name for other in self.capture.views]
        other = self.capture.views[(names.index(view.name) + self.by) % len(names)]
        return open_masks(demo_capture() / "masks", self.capture.views).read(other)


def test_masks_of_these_photographs_have_no_trouble(capture: Capture) -> None:
    assert mask_troubles(Shifted(capture), capture.views) == []


@pytest.mark.parametrize("by", [1, 9, 32])
def test_masks_of_other_views_are_refused(capture: Capture, by: int) -> None:
    (trouble,) = mask_troubles(Shifted(capture, by), capture.views)
    assert trouble.error is MaskError
    assert "of 12 views fit their own photograph" in trouble.text


def test_masks_that_lie_on_nothing_are_refused(capture: Capture) -> None:
    rng = np.random.default_rng(0)

    class Noise:
        def read(self, view: View) -> Segments | None:
            coarse = rng.integers(0, 6, (8, 8)).astype(np.int32)
            return from_label_map(np.kron(coarse, np.ones((view.camera.height // 8, view.camera.width // 8), np.int32)))

    (trouble,) = mask_troubles(Noise(), capture.views)
    assert trouble.error is MaskError


def test_few_views_refuse_nothing(capture: Capture) -> None:
    few = Capture(capture.path, capture.views[::16], capture.points, capture.point_colors, frozenset())
    troubles = mask_troubles(Shifted(few, 1), few.views)
    assert [trouble.error for trouble in troubles] == [None]
    assert "check that they were made from these photographs" in troubles[0].text


def test_every_unreadable_mask_is_counted_before_anything_begins(capture: Capture) -> None:
    broken = tuple(view.name for view in capture.views[3:6])
    done: list[int] = []
    with pytest.raises(MaskError, match=r"cannot be read; the same goes for the masks of 2 more views"):
        mask_troubles(Shifted(capture, broken=broken), capture.views, done.append)
    assert done[-1] == len(capture.views)
