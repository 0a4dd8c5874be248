"""Messages that no page of ours sends are ignored, whatever they hold."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from viewer_client import CAMERA

from splatseg.viewer.page.incoming import REFUSED, Offers, Pace, checked

OFFERS = Offers()
OFFERS.add("slider", lambda value: min(value, 1.0) if isinstance(value, float) else REFUSED)
OFFERS.add("command", lambda value: None if value is None else REFUSED)
OFFERS.add("/volume", lambda value: None if value is None else REFUSED)
CLICK: dict[str, Any] = {
    "event_type": "click",
    "ray_origin": (0, 0, 0),
    "ray_direction": (0, 0, 1),
    "screen_pos": ((0.5, 0.5),),
    "modifier": None,
}


def camera(**changes: Any) -> Any:
    return checked({"type": "ViewerCameraMessage", **CAMERA, **changes}, OFFERS)


def pointer(**changes: Any) -> Any:
    return checked({"type": "ScenePointerMessage", **CLICK, **changes}, OFFERS)


def test_what_a_page_sends_is_passed_on_with_its_known_fields_only() -> None:
    passed = camera(excluded_self_client=3)
    assert passed is not None and set(passed) == {"type", *CAMERA}
    assert passed["position"] == [0.0, 0.0, -2.0] and passed["image_width"] == 640
    assert pointer()["screen_pos"] == [[0.5, 0.5]]
    box = pointer(event_type="rect-select", screen_pos=((0, 0), (1, 1)), ray_origin=None, ray_direction=None)
    assert box["screen_pos"] == [[0.0, 0.0], [1.0, 1.0]] and box["ray_origin"] is None
    for kind in ("CommandTriggerMessage", "GuiFormSubmitMessage"):
        assert checked({"type": kind, "uuid": "command", "x": 1}, OFFERS) == {"type": kind, "uuid": "command"}


@pytest.mark.parametrize(
    "changes",
    [
        {"position": (math.nan, 0, 0)},
        {"position": (math.inf, 0, 0)},
        {"position": (1e30, 0, 0)},
        {"position": (0, 0)},
        {"position": "000"},
        {"position": None},
        {"position": (True, 0, 0)},
        {"look_at": CAMERA["position"]},
        {"wxyz": (0, 0, 0, 0)},
        {"wxyz": (1e9, 0, 0, 0)},
        {"wxyz": (1, 0, 0, math.nan)},
        {"up_direction": (0, 0, 0)},
        {"fov": 0.0},
        {"fov": math.pi},
        {"fov": -1.0},
        {"fov": math.nan},
        {"fov": "0.9"},
        {"near": 0.0},
        {"near": 2.0, "far": 1.0},
        {"far": math.inf},
        {"image_width": 10**9},
        {"image_width": -640},
        {"image_width": 640.5},
        {"image_height": [480]},
        {"image_height": 2**64},
    ],
)
def test_a_camera_that_no_browser_has_is_ignored(changes: dict[str, Any]) -> None:
    assert camera(**changes) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"event_type": "rect-select"},
        {"event_type": "hover"},
        {"event_type": ["click"]},
        {"screen_pos": ()},
        {"screen_pos": ((0.5, math.nan),)},
        {"screen_pos": ((0.5, 0.5), (0.6, 0.6))},
        {"screen_pos": ((0.5,),)},
        {"screen_pos": 0.5},
        {"ray_origin": None},
        {"ray_direction": (0, 0)},
        {"modifier": "meta"},
        {"modifier": ["shift"]},
    ],
)
def test_a_click_that_no_mouse_makes_is_ignored(changes: dict[str, Any]) -> None:
    assert pointer(**changes) is None


def test_a_control_takes_what_it_offers_and_no_other_property() -> None:
    def set_to(uuid: Any, updates: Any) -> Any:
        return checked({"type": "GuiUpdateMessage", "uuid": uuid, "updates": updates}, OFFERS)

    assert set_to("slider", {"value": 0.5})["updates"] == {"value": 0.5}
    assert set_to("slider", {"value": 1e6})["updates"] == {"value": 1.0}
    for uuid, updates in [
        ("slider", {"value": "many"}),
        ("slider", {"value": 0.5, "max": 1e9}),
        ("slider", {"update_cb": []}),
        ("slider", {}),
        ("slider", [("value", 0.5)]),
        ("unknown", {"value": 0.5}),
        (["slider"], {"value": 0.5}),
        ("command", {"value": 1}),
    ]:
        assert set_to(uuid, updates) is None, (uuid, updates)
    for uuid in ("slider", "unknown", None, 3):
        assert checked({"type": "CommandTriggerMessage", "uuid": uuid}, OFFERS) is None


@pytest.mark.parametrize(
    "kind",
    [
        "ShareUrlRequest",
        "FileTransferStartUpload",
        "FileTransferPart",
        "GuiFormDirtyMessage",
        "SceneNodeClickMessage",
        "Message",
        "GetRenderResponseMessage",
        "GuiButtonHoldMessage",
        "RunJavascriptMessage",
        "NoSuchMessage",
    ],
)
def test_messages_that_the_viewer_does_not_use_are_ignored(kind: str) -> None:
    assert checked({"type": kind, "uuid": "slider", "source_component_uuid": "slider"}, OFFERS) is None


def gizmo(**changes: Any) -> Any:
    pose = {"name": "/volume", "wxyz": (1, 0, 0, 0), "position": (1, 2, 3), "owner": "3"}
    return checked({"type": "TransformControlsUpdateMessage", **pose, **changes}, OFFERS)


def test_a_gizmo_takes_a_pose_and_only_the_one_that_was_offered() -> None:
    assert gizmo(scale=3) == {
        "type": "TransformControlsUpdateMessage",
        "name": "/volume",
        "owner": "3",
        "wxyz": [1.0, 0.0, 0.0, 0.0],
        "position": [1.0, 2.0, 3.0],
    }
    refused: list[dict[str, Any]] = [
        {"name": "/other"},
        {"name": "command"},
        {"name": ["/volume"]},
        {"wxyz": (0, 0, 0, 0)},
        {"wxyz": (1, 0, 0)},
        {"position": (math.nan, 0, 0)},
        {"position": None},
        {"owner": 3},
        {"owner": "x" * 100},
    ]
    for changes in refused:
        assert gizmo(**changes) is None, changes
    assert checked({"type": "GuiUpdateMessage", "uuid": "/volume", "updates": {"value": 1}}, OFFERS) is None


def test_a_control_that_is_withdrawn_takes_nothing_more() -> None:
    offers = Offers()
    offers.add("a", lambda value: value)
    offers.add("b", lambda value: value)
    offers.remove(["a", "never there"])
    assert offers.accepted("a", 1) is REFUSED and offers.accepted("b", 1) == 1 and len(offers) == 1


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)
TYPES = ["ViewerCameraMessage", "ScenePointerMessage", "GuiUpdateMessage", "GuiFormSubmitMessage"]


@given(
    st.sampled_from([*TYPES, "CommandTriggerMessage"]),
    st.dictionaries(st.sampled_from([*CAMERA, *CLICK, "uuid", "updates"]), ANYTHING),
)
def test_nothing_that_is_sent_raises_and_cameras_that_pass_are_finite(kind: str, fields: dict[str, Any]) -> None:
    base = {"ViewerCameraMessage": CAMERA, "ScenePointerMessage": CLICK}.get(kind, {})
    passed = checked({"type": kind, **base, **fields}, OFFERS)
    if passed is not None and kind == "ViewerCameraMessage":
        assert all(map(math.isfinite, (*passed["position"], *passed["wxyz"], *passed["look_at"], passed["fov"])))


@given(ANYTHING)
def test_what_is_no_message_is_ignored(message: object) -> None:
    assert checked(message, OFFERS) is None


def test_a_flood_is_slowed_down_and_a_page_is_not() -> None:
    now = [0.0]
    pace = Pace(rate=100.0, burst=10.0, clock=lambda: now[0])
    assert [pace.wait() for _ in range(10)] == [0.0] * 10
    assert pace.wait() == pytest.approx(0.01)
    now[0] += 0.01
    assert pace.wait() == pytest.approx(0.01), "one message in a hundredth of a second"
    now[0] += 100.0
    assert [pace.wait() for _ in range(10)] == [0.0] * 10, "who waits may send a burst again, no more"
    assert pace.wait() > 0.0
