"""A running server against a stranger: foreign pages, odd requests, values that no control offers, floods."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import viewer_scenes
from awaited import awaited
from viewer_client import Client, opened
from websockets.exceptions import ConnectionClosed, InvalidStatus

from splatseg.errors import BackendError
from splatseg.viewer.page import connections
from splatseg.viewer.page.admission import Admission
from splatseg.viewer.page.connections import guarded
from splatseg.viewer.page.head import Head
from splatseg.viewer.page.incoming import Offers
from splatseg.viewer.server import Viewer
from splatseg.viewer.shown_scene import open_shown


def test_a_viser_that_starts_its_server_otherwise_is_refused() -> None:
    head = Head("title", "command", True)
    with pytest.raises(BackendError, match="cannot be guarded"), guarded(Admission("127.0.0.1"), Offers(), head):
        pass


@contextlib.contextmanager
def served(folder: Path, **options: Any) -> Iterator[Viewer]:
    run, _ = viewer_scenes.run(folder)
    scene = open_shown(run.path)
    assert scene.keeper is not None
    scene.keeper._views = scene.views[:2]
    made = Viewer(scene, run.path / "exports", **options)
    yield made
    made.close()


@pytest.fixture
def viewer(tmp_path: Path) -> Iterator[Viewer]:
    with served(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    """For tests that change nothing."""
    with served(tmp_path_factory.mktemp("shared")) as made:
        yield made


def visit(viewer: Viewer, act: Callable[[Client], Awaitable[None]]) -> None:
    """Open a page without a browser, act, and leave."""

    async def come() -> None:
        async with opened(viewer.port, f"http://127.0.0.1:{viewer.port}") as client:
            await client.look(image_width=64, image_height=48)
            await client.find(label="Previous view of the capture", kind="RegisterCommandMessage")
            await client.until(
                lambda: viewer.pages and all(page.begun for page in viewer.pages), "the page's first pose"
            )
            await act(client)

    awaited(come())


def answer(port: int, request: str) -> str:
    """Send a request as it is and return the first line of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as raw:
        raw.sendall(request.encode("latin-1"))
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while b"\r\n" not in received and (part := raw.recv(4096)):
                received += part
    return received.split(b"\r\n")[0].decode()


HANDSHAKE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("GET / HTTP/1.1", "Host: {host}", 200),
        ("GET / HTTP/1.1", "Host: evil.example", 403),
        ("GET / HTTP/1.1", "Host: LOCALHOST:{port}", 200),
        ("GET / HTTP/1.1", "", 400),
        ("GET / HTTP/1.0", "", 400),
        ("GET / HTTP/1.0", "Host: {host}", 400),
        ("GET / HTTP/1.1", "Host: {host}\r\nHost: evil.example", 400),
        ("GET http://evil.example/ HTTP/1.1", "Host: {host}", 400),
        ("GET http://{host}/ HTTP/1.1", "Host: {host}", 400),
        ("GET /?websocket=ws://evil.example HTTP/1.1", "Host: {host}", 403),
        ("GET /../../../etc/passwd HTTP/1.1", "Host: {host}", 404),
        ("GET /%2e%2e/%2e%2e/_viser.py HTTP/1.1", "Host: {host}", 404),
        ("GET /%00 HTTP/1.1", "Host: {host}", 404),
        ("GET /" + 3000 * "a" + " HTTP/1.1", "Host: {host}", 404),
        ("POST / HTTP/1.1", "Host: {host}\r\nOrigin: https://evil.example\r\nContent-Length: 0", 400),
        ("OPTIONS / HTTP/1.1", "Host: {host}\r\nOrigin: https://evil.example", 400),
        ("GET / HTTP/1.1", "Host: {host}\r\nOrigin: https://evil.example", 403),
        ("GET / HTTP/1.1", "Host: {host}\r\n" + HANDSHAKE + KEY + "Origin: https://evil.example", 403),
        ("GET / HTTP/1.1", "Host: {host}\r\n" + HANDSHAKE + KEY + "Origin: null", 403),
        (
            "GET / HTTP/1.1",
            "Host: evil.example:{port}\r\n" + HANDSHAKE + KEY + "Origin: http://evil.example:{port}",
            403,
        ),
        ("GET / HTTP/1.1", "Host: {host}\r\n" + HANDSHAKE + KEY + "Origin: http://{host}", 101),
        ("GET / HTTP/1.1", "Host: {host}\r\nUpgrade: WebSocket\r\nOrigin: https://evil.example", 403),
        ("GET / HTTP/1.1", "Host: {host}\r\n" + HANDSHAKE + "Sec-WebSocket-Key: x", 400),
        ("GET / HTTP/1.1", "Host: {host}\r\n" + HANDSHAKE, 400),
        ("GET / HTTP/1.1", "Host: {host}\r\n" + HANDSHAKE.replace("13", "8") + KEY, 426),
        ("GET / HTTP/1.1", "Host: {host}\r\n" + HANDSHAKE + "Upgrade: h2c\r\n" + KEY, 400),
    ],
)
def test_a_request_is_refused_before_it_is_answered(
    shared: Viewer, line: str, headers: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    names = {"host": f"127.0.0.1:{shared.port}", "port": str(shared.port)}
    fill = lambda text: text.format(**names) if "{" in text else text  # noqa: E731
    said = answer(shared.port, f"{fill(line)}\r\n{fill(headers)}{'' if not headers else chr(13) + chr(10)}\r\n")
    if status in (400, 426):
        assert said.split(" ")[1:2] in ([], ["400"], ["426"]), said  # or closed without an answer
    else:
        assert said.split(" ")[1:2] == [str(status)], said
    assert "Traceback" not in caplog.text and shared.pages == []


def test_a_foreign_page_does_not_get_a_connection(shared: Viewer) -> None:
    async def attack() -> int:
        with pytest.raises(InvalidStatus) as caught:
            async with opened(shared.port, "https://evil.example"):
                pass
        return int(caught.value.response.status_code)

    assert awaited(attack()) == 403
    assert shared.pages == []


def test_without_the_token_nothing_is_served(tmp_path: Path) -> None:
    async def knock(viewer: Viewer, **headers: str) -> bool:
        try:
            async with opened(viewer.port, additional_headers=headers) as client:
                await client.look(image_width=64, image_height=48)
                await client.find(label="Format")
                return True
        except InvalidStatus as refused:
            assert refused.response.status_code == 403
            return False

    with served(tmp_path, token=True) as viewer:
        assert viewer.token is not None and viewer.address == f"http://localhost:{viewer.port}/?token={viewer.token}"
        host = f"Host: localhost:{viewer.port}\r\n\r\n"
        assert " 403 " in answer(viewer.port, f"GET / HTTP/1.1\r\n{host}")
        assert " 200 " in answer(viewer.port, f"GET /?token={viewer.token} HTTP/1.1\r\n{host}")
        assert not awaited(knock(viewer))
        assert not awaited(knock(viewer, Cookie=f"splatseg-{viewer.port}=guess"))
        assert awaited(knock(viewer, Cookie=f"splatseg-{viewer.port}={viewer.token}"))


def test_hosts_that_others_reach_always_have_a_token(tmp_path: Path) -> None:
    with served(tmp_path, host="0.0.0.0") as viewer:
        assert viewer.token is not None and f"?token={viewer.token}" in viewer.address
        assert " 403 " in answer(viewer.port, f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{viewer.port}\r\n\r\n")


def test_a_page_of_another_version_is_told_so_and_nothing_is_printed_of_it(
    shared: Viewer, capsys: pytest.CaptureFixture[str]
) -> None:
    async def come() -> None:
        async with opened(shared.port, subprotocols=["viser-v[red]0"]) as client:
            with pytest.raises(ConnectionClosed) as caught:
                await client.socket.recv()
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 1002

    with contextlib.suppress(Exception):  # the name of the protocol may be refused before
        awaited(come())
    assert "[red]" not in capsys.readouterr().out


def test_a_value_that_is_no_option_writes_nothing_outside_the_folder_of_exports(viewer: Viewer, tmp_path: Path) -> None:
    victim = tmp_path / "victim" / "keep.ply"
    victim.parent.mkdir()
    victim.write_text("mine")
    exports = tmp_path / "run" / "exports"

    async def attack(client: Client) -> None:
        for message in ("junk", "choose:x", "color:1:#zz", "page:99999999999999999999", "choose:1"):
            await client.say(message)
        shape = await client.find(label="Format")
        await client.set(shape, options=["/../../../victim/keep.ply"])
        await client.set(shape, value="/../../../victim/keep.ply")
        await client.set(shape, removed=True)
        await client.press("Objects", "no such button")
        await client.press("Objects", "The rest")
        await client.until(lambda: client.files, "a file to download")

    visit(viewer, attack)
    assert victim.read_text() == "mine"
    assert [path.suffix for path in exports.iterdir()] == [".ply"], "the last valid option was taken"


def test_buttons_that_are_hidden_do_nothing(viewer: Viewer) -> None:
    table = viewer.scene.table
    assert table is not None
    page = []

    async def attack(client: Client) -> None:
        page.append(viewer.pages[0])
        await client.press("Change", "Delete")  # the form of the chosen segment is not shown yet
        await client.press("Ticked", "Merge")
        await client.say("choose:1")
        await client.until(lambda: page[0].workspace.count, "a selection")
        assert len(table) == 3 and client.notes == []
        form = await client.find(label="Chosen segment")
        await client.until(lambda: client.controls[form]["visible"], "the form of the chosen segment")
        await client.press("Change", "Delete")
        await client.until(lambda: len(table) == 2, "a segment less")

    visit(viewer, attack)


def test_what_viser_would_do_for_anyone_is_not_done(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(type(viewer.server), "request_share_url", lambda self: asked.append("tunnel"))

    async def attack(client: Client) -> None:
        control = await client.find(label="Format")
        await client.send("ShareUrlRequest")
        await client.send(
            "FileTransferStartUpload",
            source_component_uuid=control,
            transfer_uuid="t",
            filename="../../x",
            mime_type="x",
            part_count=2,
            size_bytes=10,
        )
        for number in range(50):
            await client.send("GuiFormDirtyMessage", uuid=f"{number}")
        await client.send("NoSuchMessage")
        for junk in (b"", b"\xc1", b"\x91" * 30_000, b"\x81\xa4type\xc0", "text", b"\x93\x01\x02\x03"):
            await client.raw(junk)
        await client.say("choose:2")
        await client.until(lambda: viewer.pages[0].workspace.count, "a selection")

    kept = len(viewer.server._websock_server._broadcast_buffer.message_from_id)
    visit(viewer, attack)
    assert asked == [], "no tunnel to a public server"
    assert viewer.server.gui._current_file_upload_states == {}
    assert len(viewer.server._websock_server._broadcast_buffer.message_from_id) == kept, "nothing is kept for others"


def test_a_message_that_is_too_long_ends_its_connection_and_no_other(viewer: Viewer) -> None:
    async def attack(client: Client) -> None:
        async with opened(viewer.port) as other:
            await other.look()
            await other.raw(bytes(connections.LONGEST_MESSAGE + 1))
            await client.until(lambda: other.closed, "the end of the other connection")
        await client.say("choose:2")
        await client.until(lambda: any(page.workspace.count for page in viewer.pages), "a selection")

    visit(viewer, attack)


def test_more_browsers_than_the_server_has_room_for_are_refused(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PAGES", 2)

    async def come() -> None:
        async with opened(viewer.port), opened(viewer.port):
            with pytest.raises(InvalidStatus) as caught:
                async with opened(viewer.port):
                    pass
            assert caught.value.response.status_code == 503
        for _ in range(200):  # who leaves makes room
            with contextlib.suppress(InvalidStatus):
                async with opened(viewer.port):
                    return
            await asyncio.sleep(0.05)
        raise AssertionError("nobody was let in again")

    awaited(come())


def test_a_flood_of_clicks_waits_in_bounded_memory_and_the_page_says_so(viewer: Viewer) -> None:
    async def attack(client: Client) -> None:
        page = viewer.pages[0]
        lock = page.workspace.lock
        with lock:  # the page's thread cannot finish its first click
            for _ in range(200):
                await client.click(0.5, 0.5)
            await client.until(lambda: client.notes, "a note that it is too fast")
            assert len(page.streamer._actions) <= 40
        assert client.notes[0][0] == "Not so fast" and len(client.notes) == 1
        await client.until(lambda: not page.streamer._actions, "an end of the clicks that wait")  # or it is too fast
        await client.say("choose:2")
        await client.until(lambda: page.workspace.count == 40, "the selection")

    visit(viewer, attack)


def test_an_error_in_a_handler_is_told_in_the_page_and_in_one_line(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def attack(client: Client) -> None:
        page = viewer.pages[0]
        monkeypatch.setattr(page.workspace, "click", lambda *_: {}["mug"])
        await client.click(0.5, 0.5)
        await client.until(lambda: client.notes, "a note")
        assert client.notes[0][0] == "An unexpected error" and "KeyError" in client.notes[0][1]
        monkeypatch.setattr(page.streamer, "moved", lambda _: {}["a\nb\x1b"])
        await client.look(image_width=65, image_height=48)
        await client.until(lambda: len(client.notes) == 2, "a second note")
        await client.say("choose:2")
        await client.until(lambda: page.workspace.count, "a selection: the page lives on")

    visit(viewer, attack)
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(lines) == 2 and all("\n" not in line and "\x1b" not in line for line in lines)
    assert "KeyError: 'mug' (test_connections.py:" in lines[0]
    assert not any(record.exc_info for record in caplog.records if record.levelname == "ERROR")


def test_cameras_that_no_browser_has_leave_the_page_as_it_is(viewer: Viewer) -> None:
    async def attack(client: Client) -> None:
        page = viewer.pages[0]
        before = page.camera
        for changes in ({"position": (math.nan, 0, 0)}, {"fov": 0.0}, {"wxyz": (0, 0, 0, 0)}, {"image_width": 10**9}):
            await client.look(**changes)
        await client.say("choose:2")
        await client.until(lambda: page.workspace.count, "a selection")
        assert page.camera is before and client.notes == []

    visit(viewer, attack)


def test_keyframes_and_clicks_of_a_selection_have_a_limit(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    from splatseg.viewer.panels import film
    from splatseg.viewer.workspace import prompting

    monkeypatch.setattr(film, "KEYFRAMES", 3)
    monkeypatch.setattr(prompting, "MOST_PROMPTS", 3)

    async def attack(client: Client) -> None:
        page = viewer.pages[0]
        for _ in range(4):
            await client.command("Add a keyframe to the camera path")
        await client.until(lambda: client.notes, "a note")
        assert "at most 3 keyframes" in client.notes[0][1]
        camera = page.camera
        pixels, _ = camera.project(page.scene.splats.means.numpy()[page.scene.table.ids == 2].astype(float))
        place = pixels.mean(0) / (camera.width, camera.height)
        await client.click(*map(float, place))
        for _ in range(3):
            await client.click(*map(float, place), "shift")
        await client.until(lambda: len(client.notes) > 1, "a second note")
        assert "3 clicks have made this selection" in client.notes[1][1]
        assert len(page.workspace.step.prompts) == 3

    visit(viewer, attack)


def test_every_control_of_a_page_that_takes_a_value_is_offered_and_none_after_it_left(viewer: Viewer) -> None:
    found: list[str] = []

    async def look(client: Client) -> None:
        inputs = [uuid for uuid in client.controls if client.kinds[uuid] in INPUTS]
        found.extend(inputs)
        assert len(inputs) > 15
        assert set(inputs) <= set(viewer._offers._accepts), "what is not offered would not work"

    visit(viewer, look)
    for _ in range(200):
        if not viewer.pages and not len(viewer._offers):
            return

        time.sleep(0.05)
    raise AssertionError("controls of a page that left are still offered")


INPUTS = ("GuiSliderMessage", "GuiDropdownMessage", "GuiTextMessage", "GuiCheckboxMessage", "GuiButtonGroupMessage")


def test_tasks_of_all_pages_together_have_a_limit(viewer: Viewer) -> None:
    async def attack(client: Client) -> None:
        while viewer._tasks.acquire(blocking=False):
            pass
        await client.say("choose:2")
        await client.press("Objects", "Selection")
        await client.until(lambda: client.notes, "a note")
        assert "tasks are running in other pages" in client.notes[0][1]
        viewer._tasks.release()
        await client.press("Objects", "Selection")
        await client.until(lambda: client.files, "a file")

    visit(viewer, attack)


def test_a_browser_that_does_not_read_gets_no_second_download(viewer: Viewer) -> None:
    async def attack(client: Client) -> None:
        page = viewer.pages[0]
        buffer = page.client._websock_connection.get_message_buffer()
        await client.say("choose:2")
        await client.until(lambda: page.workspace.count, "a selection")
        with page.client.atomic():  # nothing is sent to it meanwhile
            await client.press("Objects", "Selection")
            await client.until(lambda: _parts(buffer) == 1, "a part of a file that waits")
            for _ in range(5):
                await client.press("Objects", "Selection")
            await client.say("choose:1")
            first = page.scene.table.ids == 1
            await client.until(lambda: bool(page.workspace.members[first].all()), "another selection")
            assert _parts(buffer) == 1 and page.busy
        await client.until(lambda: client.files and not page.busy, "the file")
        assert len(client.files) == 1
        assert [body for _, body in client.notes if "another file is being written" in body.lower()]

    visit(viewer, attack)


def _parts(buffer: Any) -> int:
    return sum(type(message).__name__ == "FileTransferPart" for message in list(buffer.message_from_id.values()))


def test_threads_that_send_never_meet_the_loop_that_waits() -> None:
    event = asyncio.Event()
    event.__class__ = connections.LoopEvent

    async def wait_often() -> None:
        loop, stop = asyncio.get_running_loop(), threading.Event()

        def send() -> None:
            while not stop.is_set():
                event.set()  # as viser does: at once, and in the loop
                loop.call_soon_threadsafe(event.set)
                time.sleep(0)

        sending = loop.run_in_executor(None, send)
        for _ in range(2000):
            await asyncio.wait_for(event.wait(), 30.0)
            event.clear()
        stop.set()
        await sending  # raises what the sender met

    awaited(wait_often())
    event.clear()
    with ThreadPoolExecutor(1) as aside:  # a browser of other tests may have a loop in this thread
        aside.submit(event.set).result()
    assert not event.is_set(), "no loop runs there"
