"""Callbacks come from a pool of threads: whoever draws sees whole states, whatever others do meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from viewer_scenes import CAMERA, on, scene

from splatseg.viewer.drawing.picture import picture
from splatseg.viewer.workspace.workspace import Workspace


def at_once(*work: Callable[[], object], times: int = 40) -> None:
    """Do every piece of work many times, each in a thread of its own; what one raises is raised here."""
    errors = []

    def repeat(each: Callable[[], object]) -> None:
        try:
            for _ in range(times):
                each()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=repeat, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_pictures_are_of_whole_states_while_others_click_hide_and_edit() -> None:
    made, thing = scene()
    space, other = Workspace(made), Workspace(made)
    pixel = on(space, thing == 2)
    space.select_segment(2)
    before = picture(space, CAMERA)
    space.invert()
    inverted = picture(space, CAMERA)
    space.undo()
    seen = []

    def edit() -> None:
        made.table.merge([1, 3])
        made.table.undo()

    def turn() -> None:
        space.invert()
        space.undo()

    def elsewhere() -> None:
        other.click(CAMERA, pixel)
        other.hide_selection()
        other.show_all()
        picture(other, CAMERA, draft=True)

    at_once(edit, turn, elsewhere, lambda: seen.append(picture(space, CAMERA)), lambda: picture(space, CAMERA))
    known = (before.tobytes(), inverted.tobytes())
    assert {image.tobytes() for image in seen} <= set(known)
    np.testing.assert_array_equal(made.table.ids, thing)
    assert made.table.rows() == scene()[0].table.rows()


def test_no_id_is_given_twice_by_two_who_make_segments_at_once() -> None:
    made, thing = scene()
    given: list[int] = []
    at_once(*[lambda label=label: given.append(made.table.create(thing == label)) for label in (1, 2, 3)])
    assert len(set(given)) == len(given) == 120
