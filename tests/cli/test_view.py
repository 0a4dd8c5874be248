"""`splatseg view` on the command line: where it listens, how it ends, what it says without viser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from splatseg.cli.commands.view import exports_beside
from splatseg.cli.main import run

START = "from splatseg.cli.main import main; main()"


def test_without_viser_it_says_how_to_install_it(
    small_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    assert run(["view", str(small_run)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert 'the viewer needs viser; install it with: pip install "splatseg[viewer]"' in said


def test_what_is_no_run_is_told_before_a_server_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["view", str(tmp_path / "nothing.ply")]) == 2
    assert "nothing.ply" in capsys.readouterr().err


def test_exports_of_a_run_go_into_it_and_those_of_a_file_beside_it(tmp_path: Path) -> None:
    assert exports_beside(tmp_path) == tmp_path / "exports"
    assert exports_beside(tmp_path / "mug.ply") == tmp_path / "mug-exports"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_it_takes_the_next_free_port_listens_on_this_machine_only_and_ends_with_ctrl_c(
    small_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-P", "-c", START, "view", str(folder), "--port", str(port)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert server.stdout is not None
        line = server.stdout.readline()
    found = re.search(r"http://localhost:(\d+)", line)
    assert found, line
    assert int(found.group(1)) != port
    with urllib.request.urlopen(f"http://127.0.0.1:{found.group(1)}", timeout=30) as page:
        assert page.status == 200
    server.send_signal(signal.SIGINT)
    said, told = server.communicate(timeout=60)
    assert server.returncode == 0
    assert "viser" not in line + said, "viser's own banner is not shown"
    assert f"port {port} is taken" in told
    assert "Traceback" not in told


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_with_a_token_the_printed_address_opens_the_page_and_the_plain_one_does_not(
    small_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    command = [sys.executable, "-P", "-c", START, "view", str(folder), "--port", "8300", "--host", "0.0.0.0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None
    found = re.search(r"(http://localhost:\d+/)\?token=[A-Za-z0-9_-]{32}$", server.stdout.readline().strip())
    assert found
    with urllib.request.urlopen(found[0], timeout=30) as page:
        assert page.status == 200
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(found[1], timeout=30)
    server.send_signal(signal.SIGINT)
    _, told = server.communicate(timeout=60)
    assert "whoever has the address below can see and change this scene" in " ".join(told.split())
