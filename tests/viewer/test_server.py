"""The server without a browser: who comes, who goes, and what is kept when it ends."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import viewer_scenes

from splatseg.viewer.server import Viewer, address_of
from splatseg.viewer.shown_scene import open_shown


@pytest.fixture
def viewer(tmp_path: Path) -> Viewer:
    """A server of a run of the three things."""
    run, _ = viewer_scenes.run(tmp_path)
    scene = open_shown(run.path)
    assert scene.keeper is not None
    scene.keeper._views = scene.views[:2]
    return Viewer(scene, run.path / "exports")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://localhost:8080"),
        ("0.0.0.0", "http://localhost:8080"),
        ("192.168.0.7", "http://192.168.0.7:8080"),
        ("::1", "http://[::1]:8080"),
    ],
)
def test_the_address_is_one_that_a_browser_opens(host: str, address: str) -> None:
    assert address_of(host, 8080) == address


def test_selections_that_cannot_be_saved_do_not_keep_edits_from_being_saved(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise OSError("the disk is full")

    table, run = viewer.scene.table, viewer.scene.run
    assert table is not None and run is not None
    table.merge([1, 2])
    monkeypatch.setattr(viewer._saved, "save", refuse)
    with caplog.at_level(logging.WARNING):
        viewer._keep(viewer._saved.save)
        viewer.close()
    assert caplog.text.count("the disk is full") == 1, "it is told once, not every few seconds"
    found = run.splats().segment_ids
    assert found is not None
    np.testing.assert_array_equal(found.numpy(), table.ids)


def test_a_browser_that_is_gone_before_its_page_is_made_leaves_nothing_behind(viewer: Viewer) -> None:
    buffer = SimpleNamespace(message_event=asyncio.Event())
    connection = SimpleNamespace(get_message_buffer=lambda: buffer)
    viewer._arrived(SimpleNamespace(client_id=99, gui=None, _websock_connection=connection))
    assert viewer.pages == [] and viewer._saved._used == []
    viewer.close()
