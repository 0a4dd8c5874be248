"""The views that show most."""

from scenes import MaskedView, ring, things

from splatseg.words.chosen_views import choose_views


def test_views_that_see_nothing_come_last() -> None:
    splats, _ = things()
    cameras = ring(4)
    away = [camera.moved(10_000.0, 0.0) for camera in cameras[:2]]
    views = [MaskedView(f"{i}", camera) for i, camera in enumerate([*away, *cameras])]
    chosen = choose_views(splats, views, 4)
    assert {view.name for view in chosen} == {"2", "3", "4", "5"}


def test_views_from_different_sides_are_chosen_before_doubles() -> None:
    splats, _ = things()
    cameras = ring(4)
    views = [MaskedView(f"{i}", camera) for i, camera in enumerate([cameras[0], cameras[0], cameras[0], cameras[2]])]
    assert "3" in {view.name for view in choose_views(splats, views, 2)}


def test_all_views_are_taken_if_they_are_few() -> None:
    splats, _ = things()
    views = [MaskedView("a", ring(1)[0])]
    assert choose_views(splats, views, 5) == views
