"""Properties that change the meaning of others: what they mean is read, or a sentence says what is not."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from splatseg.errors import SplatFileError
from splatseg.formats.gaussforge import read_spz, write_spz
from splatseg.formats.ply.columns import REQUIRED
from splatseg.formats.ply.meaning import MIP_COMMENT, is_antialiased
from splatseg.formats.ply.ply import read_ply, write_ply
from splatseg.formats.read import load_splats
from splatseg.formats.sog import write_sog
from splatseg.formats.write import write_splats
from splatseg.splats.activations import Y0
from splatseg.splats.splats import Splats, splats_of

KINDS = {"float": "<f4", "double": "<f8", "uchar": "u1", "half": "<f2", "short": "<i2", "int64": "<i8", "ushort": "<u2"}


def write_columns(path: Path, columns: dict[str, tuple[str, np.ndarray]], *lines: str, element: str = "vertex") -> Path:
    """Write named columns (N,) of PLY types, with more lines in the header."""
    count = len(next(iter(columns.values()))[1])
    rows = np.empty(count, [(name, KINDS[kind]) for name, (kind, _) in columns.items()])
    for name, (_, values) in columns.items():
        rows[name] = values
    head = ["ply", "format binary_little_endian 1.0", *lines, f"element {element} {count}"]
    head += [f"property {kind} {name}" for name, (kind, _) in columns.items()]
    path.write_bytes("\n".join([*head, "end_header", ""]).encode() + rows.tobytes())
    return path


def columns(count: int = 5, **more: tuple[str, np.ndarray]) -> dict[str, tuple[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    return {name: ("float", rng.normal(size=count).astype(np.float32)) for name in REQUIRED} | more


def without(found: dict[str, tuple[str, np.ndarray]], *names: str) -> dict[str, tuple[str, np.ndarray]]:
    return {name: column for name, column in found.items() if name not in names}


def renamed(found: dict[str, tuple[str, np.ndarray]], **names: str) -> dict[str, tuple[str, np.ndarray]]:
    return {names.get(name, name): column for name, column in found.items()}


@pytest.mark.parametrize("name", ["filter_3D", "filter_3d"])
def test_the_smoothing_of_mip_splatting_is_put_into_scales_and_opacities(tmp_path: Path, name: str) -> None:
    widths = np.array([0, 1e-3, 0.1, 2, 1e6])
    plain = splats_of(read_ply(write_columns(tmp_path / "a.ply", columns())))
    with pytest.warns(UserWarning, match=f"the smoothing {name} of .* is put into its scales and opacities"):
        found = splats_of(read_ply(write_columns(tmp_path / "b.ply", columns(**{name: ("float", widths)}))))
    scales = plain.scales.double()
    wider = (scales**2 + torch.from_numpy(widths.astype(np.float32)).double()[:, None] ** 2).sqrt()
    torch.testing.assert_close(found.scales.double(), wider, rtol=1e-5, atol=0)
    opacities = plain.opacities.double() * (scales / wider).prod(1)
    torch.testing.assert_close(found.opacities.double(), opacities, rtol=1e-4, atol=1e-30)
    assert not found.extras and torch.isfinite(found.opacity_logits).all()
    assert torch.equal(found.log_scales[0], plain.log_scales[0])
    write_ply(tmp_path / "c.ply", found)
    assert b"filter" not in (tmp_path / "c.ply").read_bytes().partition(b"end_header")[0]


def test_the_smoothing_of_a_disc_leaves_its_thickness_alone(tmp_path: Path) -> None:
    flat = without(columns(filter_3D=("float", np.full(5, 0.1))), "scale_2")
    with pytest.warns(UserWarning, match="discs"):
        found, dropped = load_splats(write_columns(tmp_path / "a.ply", flat))
    assert dropped == 0 and (found.opacities > 0.1).any() and (found.scales[:, 2] < 1e-6 * found.scales[:, 0]).all()


def test_discs_have_a_very_small_third_scale_and_are_told(tmp_path: Path) -> None:
    whole, flat = columns(), without(columns(), "scale_2")
    with pytest.warns(UserWarning, match=r"discs of 2D Gaussian Splatting \(no scale_2\)"):
        found, dropped = load_splats(write_columns(tmp_path / "a.ply", flat))
    assert dropped == 0 and torch.isfinite(found.log_scales).all()
    assert torch.equal(
        found.log_scales[:, :2], torch.from_numpy(np.stack([whole["scale_0"][1], whole["scale_1"][1]], 1))
    )
    assert (found.scales[:, 2] < 1e-6 * found.scales[:, :2].amin(1)).all()


@pytest.mark.parametrize(
    ("kind", "top", "names"),
    [
        ("uchar", 255, ("red", "green", "blue")),
        ("ushort", 65535, ("r", "g", "b")),
        ("short", 255, ("Red", "Green", "Blue")),
        ("float", 1, ("red", "green", "blue")),
        ("double", 255, ("red", "green", "blue")),
    ],
)
def test_red_green_blue_stand_in_for_the_constant_colours(
    tmp_path: Path, kind: str, top: int, names: tuple[str, str, str]
) -> None:
    shares = np.array([[0, 0.2, 1], [1, 0.6, 0.4], [0.8, 1, 0], [0, 0, 0.2], [0.4, 0.4, 0.4]])
    colors = {name: (kind, shares[:, i] * top) for i, name in enumerate(names)}
    found = without(columns(), "f_dc_0", "f_dc_1", "f_dc_2") | colors
    with pytest.warns(UserWarning, match="has red, green, blue in place of f_dc_0"):
        splats = splats_of(read_ply(write_columns(tmp_path / "a.ply", found)))
    np.testing.assert_allclose(0.5 + Y0 * splats.sh0.numpy(), shares, atol=1e-5)
    assert not splats.extras


def test_red_green_blue_beside_the_constant_colours_are_carried_along(tmp_path: Path) -> None:
    more = {name: ("uchar", np.arange(5)) for name in ("red", "green", "blue")}
    splats = splats_of(read_ply(write_columns(tmp_path / "a.ply", columns(**more))))
    assert list(splats.extras) == ["red", "green", "blue"]
    assert torch.equal(splats.sh0, splats_of(read_ply(write_columns(tmp_path / "b.ply", columns()))).sh0)


@pytest.mark.parametrize(
    ("lines", "smooth"),
    [
        (["Exported from Brush", "SH degree: 3", "SplatRenderMode: mip"], True),
        (["SplatRenderMode: default"], False),
        (["SplatRenderMode: 2dgs"], False),
        (["antialiased 1"], True),
        (["antialiased 0"], False),
        (["  SPLATRENDERMODE:  MIP "], True),
        (["antialiased 1", "SplatRenderMode: default"], False),
        (["SplatRenderMode: default", "antialiased 1"], True),
        (["rasterize_mode: antialiased"], True),
        (["Generated by nerfstudio", "Vertical Axis: z"], False),
        ([], False),
    ],
)
def test_comments_of_brush_and_others_tell_of_anti_aliasing(lines: list[str], smooth: bool) -> None:
    assert is_antialiased(lines) is smooth


def test_an_anti_aliased_splat_is_told_and_marked_again_in_formats_that_can(tmp_path: Path) -> None:
    path = write_columns(tmp_path / "a.ply", columns(), f"comment {MIP_COMMENT}")
    with pytest.warns(UserWarning, match="fitted for anti-aliased rendering"):
        splats, _ = load_splats(path)
    assert splats.antialiased and splats.subset(torch.tensor([1, 2])).antialiased
    for name in ("b.ply", "b.compressed.ply"):
        assert not write_splats(tmp_path / name, splats).left_out
        with pytest.warns(UserWarning, match="anti-aliased"):
            assert load_splats(tmp_path / name)[0].antialiased
    assert write_splats(tmp_path / "b.splat", splats).left_out == ("the mark of anti-aliased rendering",)
    plain = load_splats(write_columns(tmp_path / "c.ply", columns()))[0]
    assert not plain.antialiased
    write_ply(tmp_path / "d.ply", plain)
    assert b"SplatRenderMode" not in (tmp_path / "d.ply").read_bytes()


def test_the_mark_of_a_sog_is_written_and_read(tmp_path: Path) -> None:
    pytest.importorskip("gaussforge")
    splats = load_splats(write_columns(tmp_path / "a.ply", columns()))[0]
    for smooth in (False, True):
        marked = Splats(*(getattr(splats, n) for n in ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN")))
        object.__setattr__(marked, "antialiased", smooth)
        write_sog(tmp_path / "b.sog", marked)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            assert load_splats(tmp_path / "b.sog")[0].antialiased is smooth
        assert len(told) == smooth


def test_the_bit_of_an_spz_is_read(tmp_path: Path) -> None:
    pytest.importorskip("gaussforge")
    import gzip

    write_spz(tmp_path / "a.spz", load_splats(write_columns(tmp_path / "a.ply", columns()))[0])
    assert not splats_of(read_spz(tmp_path / "a.spz")).antialiased
    content = bytearray(gzip.decompress((tmp_path / "a.spz").read_bytes()))
    content[14] |= 1
    (tmp_path / "b.spz").write_bytes(gzip.compress(bytes(content)))
    with pytest.warns(UserWarning, match=r"b\.spz says that it was fitted for anti-aliased rendering"):
        assert splats_of(read_spz(tmp_path / "b.spz")).antialiased


@pytest.mark.parametrize(
    "name", ["beta", "kernel_size", "mip_filter", "scale_3", "rot_4", "antialias", "t", "trbf_center"]
)
def test_properties_whose_names_speak_of_shape_or_time_are_told_and_kept(tmp_path: Path, name: str) -> None:
    with pytest.warns(UserWarning, match=rf"carried along without effect \({name}\)"):
        splats = splats_of(read_ply(write_columns(tmp_path / "a.ply", columns(**{name: ("float", np.ones(5))}))))
    assert list(splats.extras) == [name]


@pytest.mark.parametrize("name", ["nx", "confidence", "label", "max_radii2D", "intensity", "semantic", "state", "lod"])
def test_properties_of_other_names_are_carried_along_in_silence(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splats_of(read_ply(write_columns(tmp_path / "a.ply", columns(**{name: ("float", np.ones(5))}))))


@pytest.mark.parametrize(("count", "degree"), [(3, 0), (12, 1), (27, 2), (48, 3), (72, 3), (105, 3)])
def test_harmonics_of_another_number_are_cut_to_whole_degrees_and_told(tmp_path: Path, count: int, degree: int) -> None:
    rest = {f"f_rest_{i}": ("float", np.full(5, float(i))) for i in range(count)}
    with pytest.warns(UserWarning, match=rf"those beyond degree {degree} are left out"):
        splats = splats_of(read_ply(write_columns(tmp_path / "a.ply", columns(**rest))))
    assert splats.sh_degree == degree
    if degree:
        assert splats.shN[0, :, 2].tolist() == list(range(count // 3 * 2, count // 3 * 2 + splats.shN.shape[1]))


def test_harmonics_that_three_channels_cannot_share_are_refused(tmp_path: Path) -> None:
    rest = {f"f_rest_{i}": ("float", np.zeros(5)) for i in range(44)}
    with pytest.raises(SplatFileError, match=r"has 44 properties f_rest_\*"):
        splats_of(read_ply(write_columns(tmp_path / "a.ply", columns(**rest))))


def test_halfs_and_whole_numbers_of_64_bits_are_read_and_written_as_types_of_ply(tmp_path: Path) -> None:
    halfs = {name: ("half", values) for name, (_, values) in columns().items()}
    more = {"weight": ("half", np.full(5, 0.5)), "number": ("int64", np.arange(5))}
    splats = splats_of(read_ply(write_columns(tmp_path / "a.ply", halfs | more)))
    np.testing.assert_array_equal(splats.means[:, 0].numpy(), columns()["x"][1].astype(np.float16).astype(np.float32))
    write_ply(tmp_path / "b.ply", splats)
    again = splats_of(read_ply(tmp_path / "b.ply"))
    assert again.extras["weight"].tolist() == [0.5] * 5 and again.extras["number"].tolist() == [0, 1, 2, 3, 4]


def test_other_names_of_the_same_properties_are_known(tmp_path: Path) -> None:
    plain = splats_of(read_ply(write_columns(tmp_path / "a.ply", columns())))
    other = renamed(
        columns(),
        **{"x": "X", "y": "Y", "z": "Z", "opacity": "Opacity", "scale_0": "scale_x", "scale_1": "scale_y"},
        **{"scale_2": "scale_z", "rot_0": "qw", "rot_1": "qx", "rot_2": "qy", "rot_3": "qz"},
    )
    found = splats_of(read_ply(write_columns(tmp_path / "b.ply", other, element="gaussians")))
    for field in ("means", "quats", "log_scales", "opacity_logits", "sh0"):
        assert torch.equal(getattr(plain, field), getattr(found, field)), field
    assert not found.extras


@pytest.mark.parametrize(
    ("name", "kind", "top"), [("opacity", "uchar", 255), ("alpha", "uchar", 255), ("alpha", "float", 1)]
)
def test_opacities_in_whole_numbers_and_alpha_are_no_logits(tmp_path: Path, name: str, kind: str, top: int) -> None:
    shares = np.array([0, 0.2, 0.4, 0.8, 1])
    found = without(columns(), "opacity") | {name: (kind, shares * top)}
    splats = splats_of(read_ply(write_columns(tmp_path / "a.ply", found)))
    np.testing.assert_allclose(splats.opacities.numpy(), shares, atol=2e-5)
    assert torch.isfinite(splats.opacity_logits).all() and not splats.extras


def test_opacities_that_seem_to_be_no_logits_are_told(tmp_path: Path) -> None:
    shares = np.linspace(0.01, 0.99, 200)
    with pytest.warns(UserWarning, match=r"opacities of .*a\.ply are all in 0\.\.1 and read as logits"):
        splats_of(read_ply(write_columns(tmp_path / "a.ply", columns(200, opacity=("float", shares)))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splats_of(read_ply(write_columns(tmp_path / "b.ply", columns(200))))


def test_anchors_of_scaffold_gs_are_told(tmp_path: Path) -> None:
    found = without(columns(), "f_dc_0", "f_dc_1", "f_dc_2") | {"f_anchor_feat_0": ("float", np.zeros(5))}
    with pytest.raises(SplatFileError, match="anchors of Scaffold-GS"):
        splats_of(read_ply(write_columns(tmp_path / "a.ply", found)))
