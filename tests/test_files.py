"""Nothing half-written stays: parts of dead writers are removed, those of live ones never; errors name their file."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from splatseg import parts
from splatseg.errors import unwritten
from splatseg.files import atomic_folder, atomic_write, write_png, write_text
from splatseg.parts import is_empty, part_folder, sweep, working_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="locks are POSIX's")

WRITER = """
import sys
from pathlib import Path
from splatseg.files import atomic_folder, atomic_write

place = Path(sys.argv[2])
with atomic_folder(place) if sys.argv[1] == "folder" else atomic_write(place) as made:
    if sys.argv[1] == "folder":
        (made / "inside.txt").write_text("half")
    else:
        made.write(b"half")
    print("writing", flush=True)
    sys.stdin.read()
"""


@contextmanager
def writing(kind: str, place: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is half done with a file or folder at a place, and ends when its input does."""
    command = [sys.executable, "-P", "-c", WRITER, kind, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "writing\n"
        yield process


def parts_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name.endswith(".part"))


def forget_sweeps() -> None:
    """Let the next writer look for dead parts, however short ago that was."""
    parts._next_sweep.clear()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_part_of_a_killed_writer_is_removed_by_the_next_into_the_folder(tmp_path: Path, kind: str) -> None:
    with writing(kind, tmp_path / "thing") as process:
        process.kill()
    assert len(parts_in(tmp_path)) == 1
    forget_sweeps()
    write_text(tmp_path / "another.txt", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["another.txt"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_part_of_a_live_writer_stays_and_arrives(tmp_path: Path, kind: str) -> None:
    with writing(kind, tmp_path / "thing") as process:
        forget_sweeps()
        write_text(tmp_path / "another.txt", "whole")
        assert len(parts_in(tmp_path)) >= 1
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0
    assert not parts_in(tmp_path)
    assert (tmp_path / "thing" / "inside.txt" if kind == "folder" else tmp_path / "thing").read_text() == "half"


def test_two_writers_of_one_file_in_one_process_do_not_meet(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a") as first, atomic_write(tmp_path / "a") as second:
        forget_sweeps()
        sweep(tmp_path)
        first.write(b"first")
        second.write(b"second")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"first"  # the outer block ended last


def test_parts_of_other_machines_and_files_that_are_no_parts_stay(tmp_path: Path) -> None:
    ours = f".a.{parts._HOST}-{os.getpid()}-0.part"
    kept = [f".a.{int(parts._HOST, 16) ^ 1:08x}-1-0.part", "a.part", ".hidden", ".download.part", ".a.x-1-0.part"]
    for name in (ours, *kept):
        (tmp_path / name).touch()
    (tmp_path / f".link.{parts._HOST}-1-0.part").symlink_to(tmp_path / "a.part")
    assert not is_empty(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, f".link.{parts._HOST}-1-0.part"])


def test_a_part_of_an_earlier_version_goes_if_its_process_is_gone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    dead, alive = tmp_path / f".a.ply.{gone.pid}.part", tmp_path / f".a.ply.{os.getpid()}.part"
    for path in (dead, alive):
        path.touch()
    assert not is_empty(tmp_path)
    assert parts_in(tmp_path) == [alive]


def test_a_folder_with_nothing_but_dead_parts_is_empty_and_can_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with writing("file", tmp_path / "out" / "thing") as process:
        process.kill()
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "new.txt").write_text("whole")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new.txt"]


def test_a_folder_is_not_listed_for_each_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[Path] = []
    now = 0.0

    def slow(folder: Path) -> None:
        nonlocal now
        listed.append(folder)
        now += 1.0

    monkeypatch.setattr(parts, "_sweep", slow)
    monkeypatch.setattr(parts.time, "monotonic", lambda: now)
    for _ in range(100):
        write_text(tmp_path / "a", "")
    assert listed == [tmp_path]
    now += 2.0 / parts.SWEEP_SHARE
    write_text(tmp_path / "a", "")
    assert listed == [tmp_path, tmp_path]


def test_a_name_as_long_as_can_be_is_written_and_a_longer_one_is_told(tmp_path: Path) -> None:
    longest = tmp_path / ("é" * 126 + ".py")
    write_text(longest, "whole")
    assert longest.read_text() == "whole"
    with pytest.raises(OSError, match="too long") as raised:
        write_text(tmp_path / ("x" * 256), "")
    assert unwritten(tmp_path, raised.value).endswith("choose a shorter name")
    assert [path for path in tmp_path.iterdir() if path != longest] == []


@pytest.mark.parametrize("write", [lambda path: write_text(path, "new" * 9999), lambda path: write_png(path, _PICTURE)])
def test_a_full_disk_is_told_by_name_and_the_previous_file_kept(
    tmp_path: Path, write: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as raised:
        write(tmp_path / "a")  # type: ignore[operator]
    assert unwritten(tmp_path / "a", raised.value) == (
        f"{tmp_path / 'a'} cannot be written (No space left on device); make room there, or name another place"
    )
    assert (tmp_path / "a").read_text() == "old" and not parts_in(tmp_path)


_PICTURE = np.zeros((8, 8, 3), np.uint8)


def test_errors_in_a_folder_on_its_way_name_the_file_where_it_would_have_been(tmp_path: Path) -> None:
    with pytest.raises(OSError) as raised, atomic_folder(tmp_path / "out") as folder, atomic_write(folder / "a.ply"):
        raise OSError(errno.ENOSPC, "full")
    assert raised.value.filename == str(tmp_path / "out" / "a.ply")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_device_is_written_to_and_never_replaced() -> None:
    with pytest.raises(OSError, match="No space left on device"):
        write_text(Path("/dev/full"), "much")
    write_text(Path(os.devnull), "much")
    assert Path("/dev/full").is_char_device() and Path(os.devnull).is_char_device()


def test_a_pipe_gets_all_bytes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE) as reader:
        write_text(tmp_path / "pipe", "x" * 50_000)
        assert reader.stdout is not None and len(reader.stdout.read()) == 50_000


def test_what_is_in_the_way_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "broken").symlink_to(tmp_path / "gone")
    for name, expected in (("file", "file is not a folder"), ("broken", "is a link to .*gone, which is not there")):
        with pytest.raises(OSError, match=expected):
            write_text(tmp_path / name / "below" / "a.txt", "")
    with pytest.raises(IsADirectoryError):
        write_text(tmp_path, "")


def test_a_broken_link_is_replaced_and_what_it_names_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    write_text(tmp_path / "link", "whole")
    assert not (tmp_path / "link").is_symlink() and not (tmp_path / "elsewhere").exists()


def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError) as raised:
        write_text(tmp_path / "a", "")
    assert unwritten(tmp_path / "a", raised.value).endswith("name a place where you may write")


def test_folders_for_other_programs_are_private_and_do_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts.tempfile, "tempdir", str(tmp_path))
    with working_folder() as folder, working_folder() as another:
        assert folder != another and folder.stat().st_mode & 0o077 == 0
        (folder / "splat.ply").touch()
    assert list(tmp_path.iterdir()) == []


def test_a_swept_writer_that_had_no_lock_yet_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = parts._open
    removed: list[Path] = []

    def late(part: Path) -> int:
        if not removed:
            removed.append(part)
            part.rmdir()  # as another process does that sweeps between the making of the folder and its lock
        return opened(part)

    monkeypatch.setattr(parts, "_open", late)
    with part_folder(tmp_path / "out") as folder:
        assert folder.is_dir() and folder != removed[0]
    assert list(tmp_path.iterdir()) == []
