"""A page of elsewhere, open in the same browser, gets nothing; the token opens our page in a real browser."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import viewer_scenes
import viser
from browser_tab import Tab

from splatseg.viewer.server import Viewer
from splatseg.viewer.shown_scene import open_shown

pytestmark = pytest.mark.slow

ATTACK = """async ({host, port, version}) => {
  const found = {};
  const there = `${host}:${port}`;
  found.socket = await new Promise(done => {
    const socket = new WebSocket(`ws://${there}`, [`viser-v${version}`]);
    socket.onopen = () => done('open');
    socket.onmessage = () => done('message');
    socket.onclose = event => done(`closed ${event.code}`);
  });
  found.read = await fetch(`http://${there}/`).then(answer => answer.text(), error => error.name);
  found.blind = await fetch(`http://${there}/`, {mode: 'no-cors'}).then(answer => answer.type, error => error.name);
  found.post = await fetch(`http://${there}/`, {method: 'POST', mode: 'no-cors', body: 'x'})
    .then(answer => answer.type, error => error.name);
  found.script = await new Promise(done => {
    const script = document.createElement('script');
    script.onload = () => done('loaded');
    script.onerror = () => done('refused');
    script.src = `http://${there}/index.html`;
    document.body.append(script);
  });
  const frame = document.createElement('iframe');
  frame.name = 'inside';
  frame.src = `http://${there}/`;
  document.body.append(frame);
  await new Promise(done => { frame.onload = done; setTimeout(done, 3000); });
  const form = document.createElement('form');
  Object.assign(form, {method: 'POST', action: `http://${there}/`, target: 'inside'});
  document.body.append(form);
  form.submit();
  await new Promise(done => setTimeout(done, 1500));
  return found;
}"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server with a page of elsewhere: another port is another origin."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "index.html").write_text("<!doctype html><title>elsewhere</title><body>elsewhere")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module", params=[False, True], ids=["open", "with a token"])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    run, _ = viewer_scenes.run(tmp_path_factory.mktemp("small"))
    viewer = Viewer(open_shown(run.path), run.path / "exports", port=8200, token=request.param)
    yield viewer
    viewer.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_page_of_elsewhere_gets_nothing(browser: Any, small: Viewer, foreign: int, host: str) -> None:
    tab = Tab(browser, small.address)  # its cookie is in this browser when the other page comes
    own = [page.client.client_id for page in small.pages]
    page = tab.context.new_page()
    seen: list[int] = []
    page.on("response", lambda answer: seen.append(answer.status) if f":{small.port}/" in answer.url else None)
    page.goto(f"http://localhost:{foreign}/")
    found = page.evaluate(ATTACK, {"host": host, "port": small.port, "version": viser.__version__})
    assert found["socket"] == "closed 1006", "refused in the handshake"
    assert found["read"] == "TypeError", "the answer cannot be read"
    assert found["blind"] in ("opaque", "TypeError") and found["post"] in ("opaque", "TypeError")
    assert found["script"] == "refused"
    assert seen and all(status >= 400 for status in seen)
    inside = page.frame("inside")
    assert inside is None or "mantine" not in inside.content()
    assert [each.client.client_id for each in small.pages] == own, "no page was made for it"
    assert tab.sees("Nothing is selected"), "our own page lives on"
    tab.close()


def test_a_link_cannot_make_our_page_obey_another_server(browser: Any, small: Viewer, foreign: int) -> None:
    context = browser.new_context()
    page = context.new_page()
    answer = page.goto(f"http://localhost:{small.port}/?websocket=ws://localhost:{foreign}")
    assert answer is not None and answer.status == 403
    assert "no parameter but token" in page.content() or "token is missing" in page.content()
    context.close()


@pytest.mark.parametrize("small", [True], indirect=True)
def test_the_token_is_asked_for_once_and_its_cookie_does_the_rest(browser: Any, small: Viewer) -> None:
    plain = f"http://localhost:{small.port}/"
    stranger = browser.new_context()
    answer = stranger.new_page().goto(plain)
    assert answer is not None and answer.status == 403
    stranger.close()

    tab = Tab(browser, small.address)
    (cookie,) = [each for each in tab.context.cookies() if each["name"] == f"splatseg-{small.port}"]
    assert cookie["value"] == small.token
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["path"] == "/"
    assert small.token not in tab.page.evaluate("document.cookie")
    tab.page.goto(plain)  # without the token in the address
    tab.arrived()
    tab.page.reload()
    tab.arrived()
    assert not tab.complaints
    tab.close()
