"""Checks every message of a browser before viser reads it.

viser sets any property of a control to any value that a connection sends, opens a tunnel to a public server if asked,
and keeps uploads in memory. So only the six types of messages that the viewer uses are let through, each rebuilt from
its known fields: a camera, a click or rectangle, a control's value, a submitted form, a command, the pose of a gizmo. A
control's value is let through if the page offered that control (`Offers`) and the value is one that it can have; a
gizmo's pose if the page offered its name.

    offers.add(uuid, accept)            accept(value) returns the value to take, or REFUSED
    checked(message, offers)            the message to pass on, or None to ignore it
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

REFUSED = object()
"""The answer of `accept` to a value that its control cannot have."""

FARTHEST = 1e15
"""Largest coordinate of a camera: its square is still far from the largest float32."""

NARROWEST = 1e-3
"""Least field of view of a camera, and least distance from half a turn, radians."""

LARGEST_SIDE = 16_384
"""Most pixels of a canvas along a side; browsers have none larger."""

MODIFIERS = (None, "cmd/ctrl", "alt", "shift", "cmd/ctrl+alt", "cmd/ctrl+shift", "alt+shift", "cmd/ctrl+alt+shift")
"""Modifier keys of a click, as viser names them."""

LONGEST_OWNER = 64
"""Most characters of the scope of a gizmo, which viser numbers."""

Accept = Callable[[Any], Any]
Message = dict[str, Any]


class Offers:
    """The controls that the pages of a server have, by their ids; threads may share it."""

    def __init__(self) -> None:
        self._accepts: dict[str, Accept] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Number of controls."""
        return len(self._accepts)

    def add(self, uuid: str, accept: Accept) -> None:
        """Offer a control. accept: accept(value) returns the value to take, or REFUSED; commands get None."""
        with self._lock:
            self._accepts[uuid] = accept

    def remove(self, uuids: Iterable[str]) -> None:
        """Withdraw controls."""
        with self._lock:
            for uuid in uuids:
                self._accepts.pop(uuid, None)

    def accepted(self, uuid: object, value: Any) -> Any:
        """Return the value to take for a control; REFUSED for one that it cannot have, or an unknown control."""
        accept = self._accepts.get(uuid) if isinstance(uuid, str) else None
        return REFUSED if accept is None else accept(value)


class Pace:
    """Spreads the messages of one connection: `burst` at once, then `rate` a second."""

    def __init__(self, rate: float = 200.0, burst: float = 400.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with a full burst. A page sends at most a camera and a slider per frame, 120 messages a second."""
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._at = burst, clock()

    def wait(self) -> float:
        """Count a message and return the seconds to wait before the next is read."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1.0
        self._at = now
        return max(0.0, -self._left / self._rate)


def checked(message: object, offers: Offers) -> Message | None:
    """Return the message to pass on, with its known fields only; None for one that no page of ours sends."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return None
    check = _CHECKS.get(message["type"])
    fields = None if check is None else check(message, offers)
    return None if fields is None else {"type": message["type"], **fields}


def _camera(message: Message, offers: Offers) -> Message | None:
    lengths = {"wxyz": 4, "position": 3, "look_at": 3, "up_direction": 3}
    vectors: dict[str, Any] = {name: _vector(message.get(name), length) for name, length in lengths.items()}
    numbers = {name: _number(message.get(name)) for name in ("fov", "near", "far")}
    sides = {name: _side(message.get(name)) for name in ("image_width", "image_height")}
    fields: Message = {**vectors, **numbers, **sides}
    if any(value is None for value in fields.values()):
        return None
    wxyz, up, fov = fields["wxyz"], fields["up_direction"], fields["fov"]
    turned = 0.5 <= math.hypot(*wxyz) <= 2.0 and math.hypot(*up) > 1e-6
    if not (turned and fields["position"] != fields["look_at"]):
        return None
    if not (NARROWEST <= fov <= math.pi - NARROWEST and 0.0 < fields["near"] < fields["far"]):
        return None
    return fields


def _pointer(message: Message, offers: Offers) -> Message | None:
    kind, modifier, places = message.get("event_type"), message.get("modifier"), message.get("screen_pos")
    count = {"click": 1, "rect-select": 2}.get(kind) if isinstance(kind, str) else None
    if count is None or not (modifier is None or isinstance(modifier, str)) or modifier not in MODIFIERS:
        return None
    if not isinstance(places, list | tuple) or len(places) != count:
        return None
    corners = [_vector(place, 2) for place in places]
    rays = {name: _vector(message.get(name), 3) for name in ("ray_origin", "ray_direction")}
    if None in corners or (kind == "click" and None in rays.values()):
        return None
    return {"event_type": kind, "modifier": modifier, "screen_pos": corners, **rays}


def _value(message: Message, offers: Offers) -> Message | None:
    updates = message.get("updates")
    if not isinstance(updates, dict) or set(updates) != {"value"}:
        return None
    value = offers.accepted(message.get("uuid"), updates["value"])
    return None if value is REFUSED else {"uuid": message["uuid"], "updates": {"value": value}}


def _press(message: Message, offers: Offers) -> Message | None:
    return None if offers.accepted(message.get("uuid"), None) is REFUSED else {"uuid": message["uuid"]}


def _gizmo(message: Message, offers: Offers) -> Message | None:
    name, owner = message.get("name"), message.get("owner", "")
    pose = {key: _vector(message.get(key), length) for key, length in (("wxyz", 4), ("position", 3))}
    # Names of gizmos are paths, ids of controls are none: neither is taken for the other.
    if not isinstance(name, str) or not name.startswith("/") or offers.accepted(name, None) is REFUSED:
        return None
    if not isinstance(owner, str) or len(owner) > LONGEST_OWNER:
        return None
    wxyz = pose["wxyz"]
    if wxyz is None or pose["position"] is None or not 0.5 <= math.hypot(*wxyz) <= 2.0:
        return None
    return {"name": name, "owner": owner, **pose}


_CHECKS: dict[str, Callable[[Message, Offers], Message | None]] = {
    "ViewerCameraMessage": _camera,
    "ScenePointerMessage": _pointer,
    "GuiUpdateMessage": _value,
    "GuiFormSubmitMessage": _press,
    "CommandTriggerMessage": _press,
    "TransformControlsUpdateMessage": _gizmo,
}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -FARTHEST <= value <= FARTHEST:
        return None  # NaN is not between them either
    return float(value)


def _vector(value: object, length: int) -> list[float] | None:
    if not isinstance(value, list | tuple) or len(value) != length:
        return None
    numbers = [_number(each) for each in value]
    return None if None in numbers else [each for each in numbers if each is not None]


def _side(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() and 0 <= number <= LARGEST_SIDE else None
