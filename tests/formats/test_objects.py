"""Objects as files, opened again by our reader, by one written here from the format's description, and by others."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from splatseg.errors import PromptError
from splatseg.formats.objects import export_object, export_rest
from splatseg.formats.read import load_splats
from splatseg.segments.members import members_of_segments
from splatseg.splats.splats import Splats

CODES = {"float": "f", "double": "d", "int": "i", "uint": "I", "uchar": "B", "char": "b", "short": "h", "ushort": "H"}
CODES |= {"float32": "f", "float64": "d", "int32": "i", "uint8": "B"}


def naive_ply(path: Path) -> dict[str, list[float]]:
    """Columns of the vertex element of a PLY, one value at a time, sharing no code with the package."""
    content = path.read_bytes()
    header, _, body = content.partition(b"end_header\n")
    lines = header.decode("ascii").splitlines()
    assert lines[0] == "ply"
    order = {"binary_little_endian": "<", "binary_big_endian": ">"}[lines[1].split()[1]]
    names, codes, count, element = [], [], 0, ""
    for line in lines[2:]:
        words = line.split()
        if words[0] == "element":
            element = words[1]
            count = int(words[2]) if element == "vertex" else count
        elif words[0] == "property" and element == "vertex":
            codes.append(CODES[words[1]])
            names.append(words[2])
    row = struct.Struct(order + "".join(codes))
    assert len(body) >= count * row.size
    columns: dict[str, list[float]] = {name: [] for name in names}
    for number in range(count):
        for name, value in zip(names, row.unpack_from(body, number * row.size), strict=True):
            columns[name].append(value)
    return columns


def splats_with_everything(count: int = 50) -> Splats:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return Splats(
        random(count, 3),
        torch.nn.functional.normalize(random(count, 4), dim=1),
        random(count, 3),
        random(count),
        random(count, 3),
        random(count, 8, 3),
        features=random(count, 5),
        segment_ids=torch.arange(count, dtype=torch.int32) % 4,
        extras={"heat": np.arange(count, dtype=np.float32)},
    )


def test_the_object_and_the_rest_are_the_whole(tmp_path: Path) -> None:
    splats = splats_with_everything()
    members = members_of_segments(splats, [2])
    count = export_object(tmp_path / "object.ply", splats, members)
    rest = export_rest(tmp_path / "rest.ply", splats, members)
    assert (count, rest) == (12, 38)
    heats = [naive_ply(tmp_path / name)["heat"] for name in ("object.ply", "rest.ply")]
    assert sorted(heats[0] + heats[1]) == list(range(50))
    assert not set(heats[0]) & set(heats[1])


def test_an_independent_reader_finds_every_value_where_the_format_says(tmp_path: Path) -> None:
    splats = splats_with_everything()
    members = members_of_segments(splats, [1, 3])
    export_object(tmp_path / "object.ply", splats, members)
    chosen = splats.subset(members)
    found = naive_ply(tmp_path / "object.ply")

    def column(*names: str) -> torch.Tensor:
        return torch.tensor([found[name] for name in names]).T

    assert torch.equal(column("x", "y", "z"), chosen.means)
    assert torch.equal(column("rot_0", "rot_1", "rot_2", "rot_3"), chosen.quats)
    assert torch.equal(column("scale_0", "scale_1", "scale_2"), chosen.log_scales)
    assert torch.equal(column("opacity")[:, 0], chosen.opacity_logits)
    assert torch.equal(column("f_dc_0", "f_dc_1", "f_dc_2"), chosen.sh0)
    # f_rest_* holds all of red, then green, then blue.
    rest = column(*(f"f_rest_{k}" for k in range(24))).reshape(-1, 3, 8).transpose(1, 2)
    assert torch.equal(rest, chosen.shN)
    assert chosen.features is not None
    assert torch.equal(column(*(f"f_seg_{k}" for k in range(5))), chosen.features)
    assert found["segment_id"] == [1, 3] * 12 + [1]
    assert found["heat"] == [value for value in range(50) if value % 4 in (1, 3)]


def test_our_reader_gives_back_what_was_exported(tmp_path: Path) -> None:
    splats = splats_with_everything()
    members = members_of_segments(splats, [2])
    export_object(tmp_path / "object.ply", splats, members)
    loaded, dropped = load_splats(tmp_path / "object.ply")
    chosen = splats.subset(members)
    assert dropped == 0
    for name in ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN", "features", "segment_ids"):
        assert torch.equal(getattr(loaded, name), getattr(chosen, name)), name
    assert np.array_equal(loaded.extras["heat"], chosen.extras["heat"])


def test_a_plain_export_has_only_what_every_viewer_knows(tmp_path: Path) -> None:
    splats = splats_with_everything()
    export_object(tmp_path / "object.ply", splats, members_of_segments(splats, [2]), plain=True)
    names = list(naive_ply(tmp_path / "object.ply"))
    rest = [f"f_rest_{k}" for k in range(24)]
    known = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *rest, "opacity"]
    assert names == [*known, "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]


def test_another_program_opens_a_plain_export(tmp_path: Path) -> None:
    gsply = pytest.importorskip("gsply")
    splats = splats_with_everything()
    members = members_of_segments(splats, [2])
    export_object(tmp_path / "object.ply", splats, members, plain=True)
    data = gsply.plyread(str(tmp_path / "object.ply"))
    assert np.array_equal(np.asarray(data.means), splats.means[members].numpy())
    assert np.array_equal(np.asarray(data.quats), splats.quats[members].numpy())
    assert np.array_equal(np.asarray(data.shN), splats.shN[members].numpy())


def test_an_empty_selection_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"nothing is selected, so .*object.ply was not written"):
        export_object(tmp_path / "object.ply", splats_with_everything(), np.zeros(50, bool))
    assert not list(tmp_path.iterdir())


def test_a_rest_of_nothing_is_a_file_without_gaussians(tmp_path: Path) -> None:
    assert export_rest(tmp_path / "rest.ply", splats_with_everything(), np.ones(50, bool)) == 0
    assert naive_ply(tmp_path / "rest.ply")["x"] == []


def test_indices_are_not_mistaken_for_members(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="members must be bool"):
        export_object(tmp_path / "object.ply", splats_with_everything(), torch.arange(50))
