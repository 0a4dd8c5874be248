"""Foreign pages are kept out, and what a browser sends that no control could send does nothing."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import viewer_scenes
import viser
import zstandard
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from splatseg.errors import BackendError, PromptError
from splatseg.viewer.page.admission import guarded, refusal
from splatseg.viewer.panels.controls import LONGEST_TEXT, Choice, Slider, typed
from splatseg.viewer.server import Viewer
from splatseg.viewer.shown_scene import open_shown
from splatseg.viewer.writing.exports import new_path


@pytest.mark.parametrize(
    ("host", "origin", "served"),
    [
        ("localhost:8080", "http://localhost:8080", "127.0.0.1"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1"),
        ("127.0.0.1:8080", None, "127.0.0.1"),  # a program, or the page itself before it opens its socket
        ("[::1]:8080", "http://[::1]:8080", "::1"),
        ("localhost:9000", "http://localhost:9000", "127.0.0.1"),  # through `ssh -L 9000:localhost:8080`
        ("192.168.0.7:8080", "http://192.168.0.7:8080", "0.0.0.0"),
        ("lab-3.example:8080", "http://lab-3.example:8080", "lab-3.example"),
    ],
)
def test_our_own_page_is_let_in(host: str, origin: str | None, served: str) -> None:
    assert refusal(host, origin, served) is None


@pytest.mark.parametrize(
    ("host", "origin", "served", "why"),
    [
        ("127.0.0.1:8080", "https://evil.example", "127.0.0.1", "a page of https://evil.example may not"),
        ("127.0.0.1:8080", "http://localhost:8080", "127.0.0.1", "may not use this server"),
        ("127.0.0.1:8080", "http://127.0.0.1:9999", "127.0.0.1", "may not use this server"),
        ("127.0.0.1:8080", "null", "127.0.0.1", "a page of null may not"),
        ("evil.example:8080", "http://evil.example:8080", "127.0.0.1", "not called evil.example:8080"),
        ("evil.example:8080", None, "0.0.0.0", "or start it with --host"),
        ("localhost.evil.example", None, "127.0.0.1", "not called"),
        ("[::1", None, "127.0.0.1", "not called"),
        (None, None, "127.0.0.1", "not called"),
    ],
)
def test_a_page_of_elsewhere_or_a_name_that_is_not_ours_is_refused(
    host: str | None, origin: str | None, served: str, why: str
) -> None:
    told = refusal(host, origin, served)
    assert told is not None and why in told


def test_a_viser_that_starts_its_server_otherwise_is_refused() -> None:
    with pytest.raises(BackendError, match="cannot be guarded"), guarded("127.0.0.1"):
        pass


class Client:
    """Speaks viser's protocol, as a page would or as no page would."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.controls: dict[str, dict[str, Any]] = {}
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        inflate = zstandard.ZstdDecompressor()
        async for raw in self._socket:
            size, packed = int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:16], "little")
            plain = inflate.decompress(raw[16 : 16 + packed], max_output_size=size)
            for message in msgspec.msgpack.decode(plain)["messages"]:
                if str(message.get("type")).startswith("Gui") and "props" in message:
                    self.controls[message["uuid"]] = message["props"]

    async def send(self, **message: Any) -> None:
        await self._socket.send(msgspec.msgpack.encode(message))

    async def set(self, control: str, **updates: Any) -> None:
        await self.send(type="GuiUpdateMessage", uuid=control, updates=updates)

    async def find(self, **wanted: Any) -> str:
        for _ in range(200):
            for identity, props in list(self.controls.items()):
                if all(props.get(name) == value for name, value in wanted.items()):
                    return identity
            await asyncio.sleep(0.05)
        raise AssertionError(f"the page has no control with {wanted}")


@pytest.fixture
def viewer(tmp_path: Path) -> Iterator[Viewer]:
    run, _ = viewer_scenes.run(tmp_path)
    scene = open_shown(run.path)
    assert scene.keeper is not None
    scene.keeper._views = scene.views[:2]
    made = Viewer(scene, run.path / "exports")
    yield made
    made.close()


def _connect(viewer: Viewer, origin: str | None) -> Any:
    address = f"ws://127.0.0.1:{viewer.port}"
    return connect(
        address, subprotocols=[f"viser-v{viser.__version__}"], origin=origin, max_size=None, compression=None
    )


def test_a_foreign_page_does_not_get_a_connection(viewer: Viewer) -> None:
    async def attack() -> int:
        with pytest.raises(InvalidStatus) as caught:
            async with _connect(viewer, "https://evil.example"):
                pass
        return int(caught.value.response.status_code)

    assert asyncio.run(attack()) == 403
    assert viewer.pages == []


def test_a_name_that_was_pointed_here_does_not_even_get_the_page(viewer: Viewer) -> None:
    address = f"http://127.0.0.1:{viewer.port}/"
    with urllib.request.urlopen(address) as answer:
        assert answer.status == 200
    request = urllib.request.Request(address, headers={"Host": f"evil.example:{viewer.port}"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)


def test_a_value_that_is_no_option_writes_nothing_outside_the_folder_of_exports(viewer: Viewer, tmp_path: Path) -> None:
    victim = tmp_path / "victim" / "keep.ply"
    victim.parent.mkdir()
    victim.write_text("mine")
    exports = tmp_path / "run" / "exports"

    async def attack() -> None:
        async with _connect(viewer, f"http://127.0.0.1:{viewer.port}") as socket:
            client = Client(socket)
            await client.send(
                type="ViewerCameraMessage",
                wxyz=(1, 0, 0, 0),
                position=(0, 0, -2.0),
                fov=0.9,
                near=0.01,
                far=1000.0,
                image_height=48,
                image_width=64,
                look_at=(0, 0, 0.0),
                up_direction=(0, -1.0, 0),
            )
            ear = await client.find(label="", multiline=False)
            for message in ("junk", "choose:x", "color:1:#zz", "choose:1"):
                await client.set(ear, value=f"1 {message}")
            shape = await client.find(label="Format")
            await client.set(shape, options=["/../../../victim/keep.ply"])
            await client.set(shape, value="/../../../victim/keep.ply")
            buttons = await client.find(label="Objects")
            await client.set(buttons, value="no such button")
            await client.set(buttons, value="The rest")
            for _ in range(200):
                if exports.is_dir() and any(exports.glob("rest-*.ply")):
                    break
                await asyncio.sleep(0.05)
            client.reading.cancel()

    asyncio.run(attack())
    assert victim.read_text() == "mine"
    assert [path.suffix for path in exports.iterdir()] == [".ply"], "the last valid option was taken"


def _page(control: SimpleNamespace) -> Any:
    made = lambda *arguments, **options: control  # noqa: E731
    control.on_update = lambda heard: setattr(control, "heard", heard)
    gui = SimpleNamespace(add_dropdown=made, add_slider=made)
    return SimpleNamespace(gui=gui, do=lambda action, key=None: action())


def test_a_drop_down_and_a_slider_give_only_what_they_offer() -> None:
    control = SimpleNamespace(value="a")
    choice, heard = Choice(_page(control), "Kind", ("a", "b"), "hint"), []
    choice.on_change(heard.append)
    for sent in ("b", "../c", "a"):
        control.value = sent
        assert choice.value in ("a", "b")
        asyncio.run(control.heard(SimpleNamespace(client=1, target=control)))
    assert heard == ["b", "a"]

    control = SimpleNamespace(value=6.0)
    slider = Slider(_page(control), "Seconds", (1.0, 60.0, 0.5, 6.0))
    for sent, given in ((1e6, 60.0), (-3, 1.0), (7.5, 7.5), (float("nan"), 7.5), ("many", 7.5)):
        control.value = sent
        assert slider.value == given


def test_a_text_of_millions_of_characters_is_no_name() -> None:
    assert typed(SimpleNamespace(value="mug")) == "mug"
    with pytest.raises(PromptError, match="at most 500 characters"):
        typed(SimpleNamespace(value="x" * (LONGEST_TEXT + 1)))


@pytest.mark.parametrize("suffix", ["/../../keep.ply", "/a.ply", "\\a.ply"])
def test_what_is_exported_has_a_name_and_no_path(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(PromptError, match="is not the name of a file"):
        new_path(tmp_path / "exports", "rest", suffix)
    assert not (tmp_path / "exports").exists()
    assert not list(tmp_path.iterdir())
