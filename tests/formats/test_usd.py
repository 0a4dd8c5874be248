"""USD: Pixar's own library opens it and finds one prim a segment, with every number of its Gaussians."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pxr import Usd, UsdGeom, UsdValidation, UsdVol
from scenes import colorful_splats

from splatseg.errors import OutputError
from splatseg.formats.usd import Kind, write_usd
from splatseg.segments.segment import describe_segments


@pytest.mark.parametrize("suffix", ["usdc", "usda", "usdz"])
def test_one_prim_a_segment_with_its_name_id_and_colour(tmp_path: Path, suffix: Kind) -> None:
    splats = colorful_splats()
    segments = describe_segments(splats, {1: "blue mug", 2: "blue mug", 3: "Tür 3"}, {3: 1}, {1: (255, 0, 51)})
    write_usd(tmp_path / f"a.{suffix}", splats, segments, suffix)
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{suffix}"]
    stage = Usd.Stage.Open(str(tmp_path / f"a.{suffix}"))
    assert UsdGeom.GetStageUpAxis(stage) == "Y" and stage.GetDefaultPrim().GetPath() == "/splat"
    prims = {prim.GetName(): prim for prim in stage.GetDefaultPrim().GetChildren()}
    assert list(prims) == ["unsegmented", "blue_mug", "blue_mug_2", "T__r_3"]
    assert {prim.GetTypeName() for prim in prims.values()} == {"ParticleField3DGaussianSplat"}
    last = prims["T__r_3"]
    assert last.GetDisplayName() == last.GetAttribute("splatseg:name").Get() == "Tür 3"
    assert [last.GetAttribute(f"splatseg:{name}").Get() for name in ("segmentId", "parentId")] == [3, 1]
    assert prims["blue_mug"].GetAttribute("splatseg:color").Get() == pytest.approx((1, 0, 0.2))


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_every_number_is_where_the_schema_says(tmp_path: Path, degree: int) -> None:
    splats = colorful_splats(degree=degree)
    write_usd(tmp_path / "a.usdc", splats)
    members = splats.segment_ids == 2
    part = splats.subset(members)
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    field = UsdVol.ParticleField3DGaussianSplat(stage.GetPrimAtPath("/splat/segment_2"))
    turn = np.array([1.0, -1.0, -1.0], np.float32)  # USD: y up, z backward
    assert np.array_equal(np.array(field.GetPositionsAttr().Get()), part.means.numpy() * turn)
    quats = np.array([[q.real, *q.imaginary] for q in field.GetOrientationsAttr().Get()])
    np.testing.assert_allclose(quats, part.quats.numpy() * np.array([1, *turn]), atol=1e-6)
    np.testing.assert_allclose(np.array(field.GetScalesAttr().Get()), part.scales.numpy(), rtol=1e-6)
    np.testing.assert_allclose(np.array(field.GetOpacitiesAttr().Get()), part.opacities.numpy(), rtol=1e-6)
    assert field.GetRadianceSphericalHarmonicsDegreeAttr().Get() == degree
    harmonics = np.array(field.GetRadianceSphericalHarmonicsCoefficientsAttr().Get())
    harmonics = harmonics.reshape(len(part), (degree + 1) ** 2, 3)
    assert np.array_equal(harmonics[:, 0], part.sh0.numpy())
    if degree:
        assert np.array_equal(harmonics[:, 1], -part.shN.numpy()[:, 0])  # y turns
        assert np.array_equal(harmonics[:, 3], part.shN.numpy()[:, 2])  # x does not
    low, high = np.array(field.GetExtentAttr().Get())
    assert (low < part.means.numpy() * turn).all() and (part.means.numpy() * turn < high).all()


def test_a_splat_without_segments_is_one_prim(tmp_path: Path) -> None:
    write_usd(tmp_path / "a.usdc", colorful_splats().replace(segment_ids=None))
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    assert [prim.GetName() for prim in stage.GetDefaultPrim().GetChildren()] == ["gaussians"]


def test_the_validators_of_usd_find_no_error(tmp_path: Path) -> None:
    write_usd(tmp_path / "a.usdz", colorful_splats(), kind="usdz")
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) > 5
    stage = Usd.Stage.Open(str(tmp_path / "a.usdz"))
    found = UsdValidation.ValidationContext(validators).Validate(stage)
    errors = [error for error in found if error.GetType() == UsdValidation.ValidationErrorType.Error]
    assert not errors, [error.GetMessage() for error in errors]


def test_the_library_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(OutputError, match=r'writing .*a.usdc needs usd-core; install it with pip install "splatseg\['):
        write_usd(tmp_path / "a.usdc", colorful_splats())
    monkeypatch.undo()
    monkeypatch.delattr(UsdVol, "ParticleField3DGaussianSplat")
    with pytest.raises(OutputError, match=r"needs usd-core 26.3 or later"):
        write_usd(tmp_path / "a.usdc", colorful_splats())
    assert not list(tmp_path.iterdir())


def test_segments_share_out_all_gaussians(tmp_path: Path) -> None:
    splats = colorful_splats(count=101).replace(segment_ids=(torch.arange(101) % 7 + 2).int())
    write_usd(tmp_path / "a.usdc", splats)
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    children = stage.GetDefaultPrim().GetChildren()
    assert len(children) == 7 and sum(len(prim.GetAttribute("positions").Get()) for prim in children) == 101
