"""A folder of parts is one splat: the same bits as one file, wherever a splat is taken."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ply_files import any_file, assert_same, check, columns, told, write_columns

from splatseg.cli.arguments import check_source
from splatseg.errors import OutputError, SplatFileError
from splatseg.formats.folders import natural
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.ply.header import read_header
from splatseg.formats.read import find_splat, load_splats
from splatseg.formats.write import write_splats
from splatseg.jobs.export import export_source, open_source
from splatseg.jobs.info import describe
from splatseg.scene.opening import open as open_any


def cut(path: Path, folder: Path, ends: list[int], names: list[str]) -> Path:
    """The rows of a binary .ply as files of their own, by bytes."""
    header = read_header(path)
    size = header.dtype(header.elements[0]).itemsize
    content = path.read_bytes()
    head, body = content[: header.offset], content[header.offset :]
    count = len(body) // size
    borders = [0, *sorted(ends), count]
    folder.mkdir()
    for name, begin, end in zip(names, borders[:-1], borders[1:], strict=True):
        own = head.replace(f"element vertex {count}\n".encode(), f"element vertex {end - begin}\n".encode())
        (folder / name).write_bytes(own + body[begin * size : end * size])
    return folder


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_parts_have_the_bits_of_the_file_they_were_cut_from(data: st.DataObject, tmp_path_factory) -> None:
    path = data.draw(any_file(tmp_path_factory.mktemp("ply")))
    try:
        whole, dropped = told(lambda: load_splats(path))[0]
    except SplatFileError:
        return
    count = len(whole) + dropped
    ends = data.draw(st.lists(st.integers(0, count), max_size=11))
    folder = cut(path, path.parent / "parts", ends, [f"part_{i}.ply" for i in range(len(ends) + 1)])
    (parts, left_out), said = told(lambda: load_splats(folder))
    assert_same(whole, parts)
    assert left_out == dropped
    assert len(said) == len(told(lambda: load_splats(path))[1])
    rows = st.integers(0, len(whole))
    check(folder, [(data.draw(rows), data.draw(rows))], rows_a_block=data.draw(st.integers(1, 99)))


def test_parts_come_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    names = [f"part_{i}.ply" for i in range(12)]
    assert sorted(map(Path, reversed(names)), key=natural) == list(map(Path, names))
    path = write_columns(tmp_path / "a.ply", columns(120))
    folder = cut(path, tmp_path / "parts", list(range(10, 120, 10)), names)
    assert find_splat(folder) == folder
    assert_same(load_splats(path)[0], load_splats(folder)[0])


def test_parts_of_other_formats_make_a_splat_too(tmp_path: Path) -> None:
    splats = load_splats(write_columns(tmp_path / "a.ply", columns(50)))[0]
    for i in range(2):
        write_splats(tmp_path / "parts" / f"tile_{i}_0.splat", splats.subset(np.arange(25 * i, 25 * i + 25)))
    write_splats(tmp_path / "a.splat", splats)
    check(tmp_path / "parts", [(20, 30)])
    assert_same(load_splats(tmp_path / "a.splat")[0], load_splats(tmp_path / "parts")[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda named: named | {"f_rest_0": named["x"]} | {f"f_rest_{i}": named["x"] for i in range(9)}, "degree 1"),
        (lambda named: named | {"heat": named["x"]}, r"has the other properties heat \(float32\), and .* none"),
        (lambda named: named | {"segment_id": np.ones(20, np.int32)}, "has segment ids, and .* has no segment ids"),
        (lambda named: named | {"f_seg_0": named["x"]}, "has 1 features, and .* has 0 features"),
    ],
)
def test_parts_that_do_not_agree_are_refused(tmp_path: Path, change, said: str) -> None:
    write_columns(tmp_path / "part_1.ply", columns(20))
    write_columns(tmp_path / "part_2.ply", change(columns(20)))
    with pytest.raises(SplatFileError, match=rf"part_2\.ply .*{said}.*so they are no parts of one splat"):
        load_splats(tmp_path)


def test_parts_of_different_worlds_are_refused(tmp_path: Path) -> None:
    write_columns(tmp_path / "part_1.ply", columns(20))
    write_columns(tmp_path / "part_2.ply", columns(20), ("splatseg world: centre 5.0 6.0 7.0 scale 2.0",))
    with pytest.raises(SplatFileError, match=r"part_2\.ply is in another world than .*part_1\.ply"):
        load_splats(tmp_path)


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    for i in (1, 2, 4):
        write_columns(tmp_path / f"part_0{i}_of_04.ply", columns(20))
    with pytest.raises(SplatFileError, match="lacks part 3 of 4; copy it into the folder"):
        load_splats(tmp_path)
    write_columns(tmp_path / "part_03_of_04.ply", columns(20))
    assert len(load_splats(tmp_path)[0]) == 80
    write_columns(tmp_path / "part_03_of_05.ply", columns(20))
    with pytest.raises(SplatFileError, match="holds parts of several splats"):
        load_splats(tmp_path)


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["part_0", "part_2"], 1),
        (["chunk-2", "chunk-3"], 1),
        (["shard_1", "shard_2", "shard_9"], 3),
        (["part_0", "part_1"], None),
        (["part_1", "part_2"], None),
        (["part_7"], 1),
        (["tile_0_0", "tile_0_5"], None),
        (["cell_1", "cell_4"], None),
    ],
)
def test_a_gap_between_parts_is_told(names: list[str], missing: int | None, tmp_path: Path) -> None:
    for name in names:
        write_columns(tmp_path / f"{name}.ply", columns(20))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert len(load_splats(tmp_path)[0]) == 20 * len(names)
    told = [str(each.message) for each in said if "copy it into the folder" in str(each.message)]
    assert len(told) == (missing is not None) and all(f"and no part {missing};" in text for text in told)


def test_a_part_that_leads_nowhere_or_is_there_twice_is_refused(tmp_path: Path) -> None:
    write_columns(tmp_path / "part_1.ply", columns(20))
    link = tmp_path / "part_2.ply"
    link.symlink_to("gone.ply")
    with pytest.raises(SplatFileError, match=r"part_2\.ply is a link to gone\.ply, which is no file"):
        load_splats(tmp_path)
    link.unlink()
    link.symlink_to("part_1.ply")
    with pytest.raises(SplatFileError, match="are one file, so its Gaussians would be there twice"):
        load_splats(tmp_path)


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    write_columns(tmp_path / "part_1.ply", columns(20))
    path = write_columns(tmp_path / "part_2.ply", columns(20))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(SplatFileError, match=r"part_2\.ply is cut off"):
        open_blocks(tmp_path)


def test_parts_larger_together_than_memory_open_in_blocks_and_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(4):
        write_columns(tmp_path / f"part_{i}.ply", columns(6_000))
    monkeypatch.setenv("SPLATSEG_MEMORY", "1M")
    assert len(open_blocks(tmp_path)) == 24_000
    with pytest.raises(SplatFileError, match="declares 24,000 Gaussians of 14 numbers, which would take 2 MiB"):
        load_splats(tmp_path)


def test_info_view_film_and_export_take_a_folder_of_parts(tmp_path: Path) -> None:
    named = columns(200, degree=1) | {
        "segment_id": np.arange(200, dtype=np.int32) % 3,
        "heat": np.ones(200, np.float32),
    }
    named["x"][7], named["y"][9] = np.nan, 1e4
    path = write_columns(tmp_path / "a.ply", named)
    folder = cut(path, tmp_path / "parts", [50, 120], ["part_1.ply", "part_2.ply", "part_3.ply"])
    facts, whole = describe(folder), describe(path)
    assert facts["kind"] == "splat (3 parts, .ply)"
    assert facts["segments"] == "2; 66.3% of the Gaussians have one"
    assert facts["Gaussians"] == "199 (1 more are not finite and were left out)"
    for fact in ("Gaussians", "SH degree", "bounds", "features", "segments", "also carries"):
        assert facts[fact] == whole[fact]
    with pytest.warns(UserWarning, match="1 Gaussians of parts are not finite"):
        scene = open_any(folder)
    assert_same(scene.splats, load_splats(path)[0])
    with pytest.warns(UserWarning, match="1 Gaussians of parts"):
        source = open_source(folder)
    export_source(source, tmp_path / "b.ply")
    with pytest.raises(OutputError, match="part of what is exported"):
        export_source(source, folder / "part_2.ply")
    check_source(folder)
    assert_same(load_splats(tmp_path / "b.ply")[0], load_splats(path)[0])
