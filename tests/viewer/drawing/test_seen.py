"""Drafts of a large splat: fewer Gaussians, with the same colours, selection, tints, and nothing that is hidden."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pytest
import torch

from splatseg.cameras.camera import Camera
from splatseg.raster.interface import Plan, prepare
from splatseg.scene.table import table_of_file
from splatseg.splats.activations import to_log_scales, to_opacity_logits
from splatseg.splats.splats import Splats
from splatseg.viewer.drawing.picture import OvertakenError, comes_late, picture
from splatseg.viewer.drawing.seen import Coarse, Whole, seen_by
from splatseg.viewer.page.streaming import Streamer
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.draft_size import REMEMBERED, Made, Pace, Waits
from splatseg.viewer.workspace.workspace import Workspace

CAMERA = Camera(np.eye(4), np.array([[70.0, 0, 48], [0, 70.0, 32], [0, 0, 1]]), 96, 64)
MODES = ("color", "features", "segments", "overlay", "similarity", "depth")


class Full(Pace):
    """Drafts of full size, so that they can be compared."""

    @property
    def scale(self) -> float:
        return 1.0

    @property
    def cell(self) -> float:
        return 1.0


@pytest.fixture(params=[0, 1])
def space(request: pytest.FixtureRequest) -> Iterator[Workspace]:
    """A wall of small Gaussians, its left half one segment and its right half another; its levels are built."""
    rng, count = np.random.default_rng(0), 30_000
    means = np.stack([rng.uniform(-1.5, 1.5, count), rng.uniform(-1, 1, count), np.full(count, 4.0)], 1)
    right = torch.from_numpy(means[:, 0] > 0)
    splats = Splats(
        means=torch.from_numpy(means).float(),
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1),
        log_scales=to_log_scales(torch.full((count, 3), 0.012)),
        opacity_logits=to_opacity_logits(torch.full((count,), 0.7)),
        sh0=torch.where(right[:, None], torch.tensor([1.0, 0, -1]), torch.tensor([-1.0, 1, 0])),
        shN=0.1 * torch.ones(count, (request.param + 1) ** 2 - 1, 3),
        features=torch.nn.functional.one_hot(right.long(), 4).float(),
        segment_ids=right.int() + 1,
    )
    made = Workspace(ShownScene(splats, "wall", table_of_file(splats)))
    made.canvas.pace = Full()
    made.scene.detail.begin()
    made.scene.detail.wait()
    yield made
    made.scene.close()


def close(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two pictures are nearly the same: 32 dB, as one value in forty."""
    return float(((one.astype(float) - other) ** 2).mean()) < (255 / 40) ** 2


@pytest.mark.parametrize("mode", MODES)
def test_a_draft_of_merged_gaussians_looks_like_the_picture(space: Workspace, mode: str) -> None:
    space.mode = mode
    space.click(CAMERA, (70.0, 32.0))
    assert isinstance(seen_by(space, space.step, CAMERA, draft=True), Coarse)
    assert isinstance(seen_by(space, space.step, CAMERA, draft=False), Whole)
    # On both halves but not at their edges, and without the outline: lines a pixel wide are much of so small a picture.
    # Scales are not drawn into drafts; they lie at the bottom.
    columns = [*range(24, 45), *range(51, 72)]
    draft, still = (picture(space, CAMERA, draft, marked=False)[18:34, columns] for draft in (True, False))
    assert close(draft, still) and draft.std() > 10


def test_hidden_gaussians_are_not_in_drafts(space: Workspace) -> None:
    space.select_segment(2)
    space.hide_selection()
    draft, still = picture(space, CAMERA, draft=True), picture(space, CAMERA)
    assert close(draft[18:, 24:44], still[18:, 24:44])
    assert draft[:, 60:].max() <= 2 and draft[20:40, 20:40].mean() > 20
    space.undo()
    assert picture(space, CAMERA, draft=True)[:, 60:].mean() > 20


def test_colours_of_a_draft_follow_the_selection_and_the_camera(space: Workspace) -> None:
    before = picture(space, CAMERA, draft=True)
    space.select_segment(1)
    after = picture(space, CAMERA, draft=True)
    changed = (before != after).any(-1)
    assert changed[20:44, 26:44].all() and not changed[:, 56:].any()
    space.clear()
    np.testing.assert_array_equal(picture(space, CAMERA, draft=True), before)


def test_levels_are_begun_by_a_draft_that_takes_long_and_stop_with_the_scene(space: Workspace) -> None:
    scene = ShownScene(space.scene.splats, "again")
    other = Workspace(scene)
    other.canvas.pace.slow = False
    assert scene.detail.built is None
    scene.detail.close()
    scene.detail.begin()
    scene.detail.wait()
    assert scene.detail.built is None, "a scene that is closed builds nothing"


class Late(Waits):
    """Full pictures are always late."""

    def late(self, made: Made) -> bool:
        return True


def is_late(space: Workspace) -> None:
    """Let the scene's full pictures take as long as those of millions of Gaussians."""
    for made in get_args(Made):
        space.canvas.waits.took(9.0, made)


def test_a_draft_comes_first_only_where_full_pictures_are_late_and_it_is_ready(space: Workspace) -> None:
    assert not comes_late(space, CAMERA), "nothing is known of its pictures yet"
    is_late(space)
    assert comes_late(space, CAMERA)
    for _ in range(REMEMBERED):
        space.canvas.waits.took(0.01, "prepared")
    assert not comes_late(space, CAMERA)
    other = Workspace(ShownScene(space.scene.splats, "again"))
    is_late(other)
    other.scene.detail.close()
    assert not comes_late(other, CAMERA), "it has no levels yet"


def test_after_a_click_in_a_view_that_stands_the_full_picture_is_quick(space: Workspace) -> None:
    space.canvas.waits.took(9.0, "prepared")
    assert comes_late(space, CAMERA)
    picture(space, CAMERA)
    space.click(CAMERA, (70.0, 32.0))
    space.canvas.waits = Waits()
    space.canvas.waits.took(9.0, "prepared")
    assert comes_late(space, CAMERA), "no such picture was drawn yet"
    picture(space, CAMERA)
    assert not comes_late(space, CAMERA)
    space.hide_selection()
    for _ in range(REMEMBERED):
        space.canvas.waits.took(9.0, "prepared")
    assert comes_late(space, CAMERA), "without what is hidden it is another view"


def test_a_picture_that_is_stopped_leaves_the_view_prepared_and_the_next_one_as_it_is(space: Workspace) -> None:
    space.click(CAMERA, (70.0, 32.0))
    anew = picture(space.copy(), CAMERA)
    for stages in range(1, 3):
        other, asked = space.copy(), iter([False] * (stages - 1) + [True] * 9)
        with pytest.raises(OvertakenError):
            picture(other, CAMERA, stopped=lambda asked=asked: next(asked))  # type: ignore[misc]
        assert other.session.has_plan(CAMERA)
        np.testing.assert_array_equal(picture(other, CAMERA), anew)
    assert picture(space, CAMERA, draft=True, stopped=lambda: True).shape == anew.shape, "a draft is never given up"


def test_the_page_shows_a_click_at_once_and_then_the_full_picture_to_the_bit(space: Workspace) -> None:
    shown: list[tuple[bool, np.ndarray]] = []
    errors: list[Exception] = []
    stream = Streamer(
        lambda camera, draft: picture(space, camera, draft, stopped=stream.overtaken),
        lambda image, draft: shown.append((draft, image)),  # type: ignore[arg-type]
        errors.append,
        late=lambda camera: comes_late(space, camera),
    )
    space.canvas.waits = Late()

    def full(count: int) -> None:
        for _ in range(1000):
            if len(shown) >= count and not shown[-1][0]:
                return
            time.sleep(0.01)

    stream.moved(CAMERA)
    full(1)
    stream.do(lambda: space.click(CAMERA, (20.0, 32.0)))
    full(3)
    stream.close()
    assert [draft for draft, _ in shown] == [False, True, False] and not errors
    left = (slice(20, 44), slice(26, 44))
    plain = picture(space, CAMERA, draft=True, marked=False)
    assert (shown[1][1] != plain)[left].any(-1).all(), "the draft is tinted where the selection is"
    assert not (shown[1][1] != plain)[20:44, 56:70].any()
    np.testing.assert_array_equal(shown[2][1], picture(space.copy(), CAMERA))


def test_what_is_sharp_stays_so_after_a_click_and_only_the_outline_is_coarse(space: Workspace) -> None:
    other = space.copy()
    assert other.canvas.pace.scale < 1.0
    still = picture(other, CAMERA)
    np.testing.assert_array_equal(picture(other, CAMERA, draft=True), still)
    other.select_segment(1)
    first, full = picture(other, CAMERA, draft=True), picture(other, CAMERA)
    assert first.shape == still.shape
    inside = (slice(24, 40), slice(30, 40))
    assert (full != still)[inside].any(-1).all()
    np.testing.assert_array_equal(first[inside], full[inside])
    np.testing.assert_array_equal(first[:, 58:], full[:, 58:])
    turned = CAMERA.viewmat.copy()
    turned[0, 3] = 0.1
    moved = Camera(turned, CAMERA.K, CAMERA.width, CAMERA.height)
    assert picture(other, moved, draft=True).shape < still.shape, "of another view nothing stands"


def test_while_a_view_is_prepared_drafts_are_drawn_and_a_click_waits_for_it(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, begun, clicked = threading.Event(), list[Camera](), threading.Event()

    def slowly(*given: Any) -> Plan:
        begun.append(given[-1])
        assert gate.wait(60.0)
        return prepare(*given)

    is_late(space)
    monkeypatch.setattr("splatseg.select.session.prepare", slowly)
    with pytest.raises(OvertakenError):
        picture(space, CAMERA, stopped=lambda: bool(begun))
    with pytest.raises(OvertakenError):  # nor does a second one begin beside it
        picture(space, CAMERA, stopped=lambda: True)
    draft = picture(space, CAMERA, draft=True)
    assert draft.std() > 10 and not gate.is_set() and len(begun) == 1

    def click() -> None:
        space.click(CAMERA, (70.0, 32.0))
        clicked.set()

    clicker = threading.Thread(target=click)
    clicker.start()
    assert not clicked.wait(0.05)
    gate.set()
    clicker.join()
    assert clicked.is_set() and space.count and len(begun) == 1, "the view was prepared once, for both"
