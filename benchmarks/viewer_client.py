"""A client of the viewer without a browser: speaks viser's protocol over a WebSocket, as a page does or as none would.

For the soak (viewer_soak.py) and the tests of the viewer. It keeps the controls that the server has sent with their
present properties, and counts notes and downloads instead of keeping them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import viser
import zstandard
from scipy.spatial.transform import Rotation
from websockets.asyncio.client import connect

CAMERA: dict[str, Any] = {
    "wxyz": (1.0, 0.0, 0.0, 0.0),
    "position": (0.0, 0.0, -2.0),
    "fov": 0.9,
    "near": 0.01,
    "far": 1000.0,
    "image_height": 480,
    "image_width": 640,
    "look_at": (0.0, 0.0, 0.0),
    "up_direction": (0.0, -1.0, 0.0),
}
"""A camera as a page reports it."""


class Client:
    """One connection. Use `opened` to make it; leaving it closes the connection."""

    def __init__(self, socket: Any) -> None:
        self.socket: Any = socket
        self.controls: dict[str, dict[str, Any]] = {}
        self.kinds: dict[str, str] = {}
        self.camera: dict[str, Any] = dict(CAMERA)
        self.counts: Counter[str] = Counter()
        self.notes: list[tuple[str, str]] = []
        self.files: list[tuple[str, int]] = []
        self._sent = 0
        self.reading: asyncio.Task[None] = asyncio.create_task(self._read())

    async def _read(self) -> None:
        inflate = zstandard.ZstdDecompressor()
        with contextlib.suppress(Exception):  # the connection is over, as `closed` tells
            async for raw in self.socket:
                size, packed = int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:16], "little")
                plain = inflate.decompress(raw[16 : 16 + packed], max_output_size=size)
                for message in msgspec.msgpack.decode(plain)["messages"]:
                    self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        kind = str(message.get("type"))
        self.counts[kind] += 1
        if "uuid" in message and "props" in message:
            self.kinds[message["uuid"]] = kind
            self.controls[message["uuid"]] = dict(message["props"])
            if "value" in message:
                self.controls[message["uuid"]]["value"] = message["value"]
        if kind == "GuiUpdateMessage" and message["uuid"] in self.controls:
            self.controls[message["uuid"]].update(message["updates"])
        if kind == "NotificationShowMessage":
            self.notes = [*self.notes[-99:], (message["props"]["title"], message["props"]["body"])]
        if kind == "FileTransferStartDownload":
            self.files = [*self.files[-99:], (message["filename"], message["size_bytes"])]
        camera = {"SetCameraPositionMessage": "position", "SetCameraLookAtMessage": "look_at"}
        camera |= {"SetCameraUpDirectionMessage": "up_direction", "SetCameraFovMessage": "fov"}
        if kind in camera:
            self.camera[camera[kind]] = message.get(
                "position" if kind == "SetCameraUpDirectionMessage" else camera[kind]
            )

    @property
    def closed(self) -> bool:
        """True when the server has closed the connection, or the network has."""
        return self.reading.done()

    async def raw(self, data: bytes | str) -> None:
        """Send bytes as they are."""
        await self.socket.send(data)

    async def send(self, kind: str, **fields: Any) -> None:
        """Send a message of a type of viser's."""
        await self.raw(msgspec.msgpack.encode({"type": kind, **fields}))

    async def look(self, **changes: Any) -> None:
        """Report a camera: CAMERA with some fields changed. The first report makes the page."""
        await self.send("ViewerCameraMessage", **{**CAMERA, **changes})

    async def click(self, x: float, y: float, modifier: str | None = None) -> None:
        """Click in the picture at a place 0..1 from the left and the top."""
        await self.send(
            "ScenePointerMessage",
            event_type="click",
            ray_origin=(0.0, 0.0, 0.0),
            ray_direction=(0.0, 0.0, 1.0),
            screen_pos=((x, y),),
            modifier=modifier,
        )

    async def set(self, control: str, **updates: Any) -> None:
        """Send new values for a control."""
        await self.send("GuiUpdateMessage", uuid=control, updates=updates)

    async def command(self, label: str) -> None:
        """Run a command of the palette."""
        await self.send("CommandTriggerMessage", uuid=await self.find(label=label, kind="RegisterCommandMessage"))

    async def press(self, group: str, button: str) -> None:
        """Press a button of the group with a label."""
        await self.set(await self.find(label=group, kind="GuiButtonGroupMessage"), value=button)

    async def say(self, message: str) -> None:
        """Send a message of the list of segments ("choose:3") through its hidden control."""
        self._sent += 1
        await self.set(await self.find(label="", kind="GuiTextMessage"), value=f"{self._sent} {message}")

    async def find(self, kind: str | None = None, **wanted: Any) -> str:
        """Return the identity of the control with these properties, once the server has sent it."""

        def found() -> str | None:
            for identity, props in list(self.controls.items()):
                if kind in (None, self.kinds[identity]) and all(props.get(n) == v for n, v in wanted.items()):
                    return identity
            return None

        return str(await self.until(found, f"a control with {wanted}"))

    async def until(self, true: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
        """Wait until something is true and return it. Raises AssertionError if it does not come, or the server left."""
        for _ in range(round(seconds / 0.01)):
            result = true()
            if result:
                return result
            assert not self.closed, f"the server closed the connection before there was {what}"
            await asyncio.sleep(0.01)
        raise AssertionError(f"there is no {what} after {seconds:g} s")


@contextlib.asynccontextmanager
async def opened(port: int, origin: str | None = None, **options: Any) -> Any:
    """Connect to a viewer of this machine as a page of an origin; None as a program, which sends no origin."""
    protocols = [f"viser-v{viser.__version__}"]
    settings: dict[str, Any] = {"subprotocols": protocols, "max_size": None, "compression": None, **options}
    async with connect(f"ws://127.0.0.1:{port}", origin=origin, **settings) as socket:
        client = Client(socket)
        try:
            yield client
        finally:
            client.reading.cancel()


def looking(position: Any, look_at: Any, up: Any) -> tuple[float, ...]:
    """Return the rotation wxyz from camera (x right, y down, z forward) to world of a camera that looks at a point."""
    forward = np.subtract(look_at, position) / np.linalg.norm(np.subtract(look_at, position))
    right = np.cross(forward, up) / np.linalg.norm(np.cross(forward, up))
    axes = np.stack([right, np.cross(forward, right), forward], axis=1)
    return tuple(Rotation.from_matrix(axes).as_quat(scalar_first=True).tolist())
