"""Splats as USD: one ParticleField3DGaussianSplat for each segment, so that a scene opens with separate, named objects.

    /splat                Xform, the default prim; y up, one world unit taken for a metre (a capture states no unit)
    /splat/mug            the segment "mug": int splatseg:segmentId, string splatseg:name, color3f splatseg:color (sRGB)
    /splat/unsegmented    Gaussians of no segment; for a splat without segments all are in /splat/gaussians

Alphabet: positions; orientations (quatf, of unit length); scales linear; opacities 0..1; radiance:
sphericalHarmonicsCoefficients, the (degree + 1)^2 of the first Gaussian, constant first, then those of the next. USD
has y up, z backward: the splat is turned by `half_turn` around x, which rounds nothing. Within a segment Gaussians keep
the order of the splat. Source: the schemas of UsdVol (OpenUSD 26.03 and later; the extra `formats`).
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from splatseg.errors import OutputError
from splatseg.files import atomic_write
from splatseg.formats.gaussforge import INSTALL
from splatseg.parts import part_folder
from splatseg.segments.segment import Segment, described_as
from splatseg.splats.half_turn import half_turn
from splatseg.splats.splats import Splats

Kind = Literal["usdc", "usda", "usdz"]
"""Kinds of files: binary, text, packed."""

REACH = 3.0
"""Radius of a Gaussian in the extent of a prim, in standard deviations."""


def write_usd(path: Path, splats: Splats, segments: Sequence[Segment] = (), kind: Kind = "usdc") -> None:
    """Write a splat as usdc (binary), usda (text) or usdz (packed), atomically. Features are left out.

    Raises OutputError if usd-core is missing or too old.
    """
    path = Path(path)
    try:
        from pxr import Sdf, Tf, Usd, UsdUtils, UsdVol  # noqa: PLC0415 (an extra)
    except ImportError:
        raise OutputError(f"writing {path} needs usd-core; install it with {INSTALL}") from None
    if not hasattr(UsdVol, "ParticleField3DGaussianSplat"):
        raise OutputError(f"writing {path} needs usd-core 26.3 or later; update it with {INSTALL}")
    with part_folder(path) as folder, atomic_write(path) as file:
        packed, whole = kind == "usdz", folder / f"splat.{kind}"
        layer = whole.with_suffix(".usdc") if packed else whole
        try:
            stage = Usd.Stage.CreateNew(str(layer))
            _fill(stage, half_turn(splats, 0), segments)
            stage.GetRootLayer().Save()
            if packed:
                UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(str(layer)), str(whole))
                _forget_times(whole)
        except Tf.ErrorException as error:
            told = re.search(r" : '(.*)'", str(error))  # the first of many lines that tell the same
            reason = told[1] if told else " ".join(str(error).split())
            raise OutputError(f"{path} was not written: usd-core says {reason}; name another place") from None
        with whole.open("rb") as made:
            shutil.copyfileobj(made, file)


def _forget_times(path: Path) -> None:
    """Set the times of a zip's entries to the first that a zip knows, so that the same splat gives the same bytes."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entries, central = archive.infolist(), archive.start_dir
    first = (33 << 16).to_bytes(4, "little")  # 1 January 1980, 0:00
    for entry in entries:
        content[entry.header_offset + 10 : entry.header_offset + 14] = first
        content[central + 12 : central + 16] = first
        # An entry of the directory has 46 bytes and three texts, whose lengths are at 28, 30 and 32.
        central += 46 + sum(int.from_bytes(content[central + at : central + at + 2], "little") for at in (28, 30, 32))
    path.write_bytes(content)


def _fill(stage: Any, splats: Splats, segments: Sequence[Segment]) -> None:
    """Add the prims of a turned splat to a stage, one for each segment."""
    from pxr import Gf, Usd, UsdGeom  # noqa: PLC0415 (an extra)

    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    root = UsdGeom.Xform.Define(stage, "/splat")
    stage.SetDefaultPrim(root.GetPrim())
    if not splats.coordinates.is_own:
        root.AddTranslateOp().Set(Gf.Vec3d(*splats.coordinates.centre))  # doubles, which positions are not
        root.AddScaleOp().Set(Gf.Vec3f(splats.coordinates.scale))
    Usd.ModelAPI(root.GetPrim()).SetKind("component")
    if splats.segment_ids is None:
        _add_field(stage, "/splat/gaussians", splats)
        return
    rows = {segment.id: segment for segment in described_as(splats, segments)}
    ids = splats.segment_ids.cpu().numpy()
    # A stable sort by id keeps the order of the splat within each segment.
    order = np.argsort(ids, kind="stable")
    unique, starts = np.unique(ids[order], return_index=True)
    taken = {"unsegmented"}
    for segment_id, members in zip(unique.tolist(), np.split(order, starts[1:]), strict=True):
        part = splats.subset(torch.from_numpy(members))
        if segment_id == 0:
            _add_field(stage, "/splat/unsegmented", part)
            continue
        prim = _add_field(stage, f"/splat/{_free_name(rows[segment_id], taken)}", part)
        _describe(prim, rows[segment_id])


def _add_field(stage: Any, where: str, splats: Splats) -> Any:
    """Add Gaussians as a prim at a path and return the prim."""
    from pxr import UsdVol, Vt  # noqa: PLC0415 (an extra)

    def floats(values: torch.Tensor) -> np.ndarray:
        return np.ascontiguousarray(values.detach().cpu().numpy().astype(np.float32))

    field = UsdVol.ParticleField3DGaussianSplat.Define(stage, where)
    means = floats(splats.means)
    unit = torch.nn.functional.normalize(splats.quats.detach(), dim=1)
    harmonics = torch.cat([splats.sh0[:, None], splats.shN], 1).flatten(0, 1)
    field.CreatePositionsAttr(Vt.Vec3fArray.FromNumpy(means))
    field.CreateOrientationsAttr(Vt.QuatfArray.FromNumpy(floats(unit[:, (1, 2, 3, 0)])))  # wxyz to xyzw
    field.CreateScalesAttr(Vt.Vec3fArray.FromNumpy(floats(splats.scales)))
    field.CreateOpacitiesAttr(Vt.FloatArray.FromNumpy(floats(splats.opacities)))
    field.CreateRadianceSphericalHarmonicsDegreeAttr(splats.sh_degree)
    field.CreateRadianceSphericalHarmonicsCoefficientsAttr(Vt.Vec3fArray.FromNumpy(floats(harmonics)))
    if len(means):
        reach = REACH * floats(splats.scales).max(1, keepdims=True)
        extent = np.stack([(means - reach).min(0), (means + reach).max(0)])
        field.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(extent))
    return field.GetPrim()


def _describe(prim: Any, segment: Segment) -> None:
    """Add name, colour and ids of a segment to its prim."""
    from pxr import Gf, Sdf  # noqa: PLC0415 (an extra)

    prim.SetDisplayName(segment.name)
    color = Gf.Vec3f(*(channel / 255 for channel in segment.color))
    values = [("segmentId", "Int", segment.id), ("name", "String", segment.name), ("color", "Color3f", color)]
    values += [("parentId", "Int", segment.parent)] if segment.parent is not None else []
    for name, kind, value in values:
        prim.CreateAttribute(f"splatseg:{name}", getattr(Sdf.ValueTypeNames, kind), custom=True).Set(value)


def _free_name(segment: Segment, taken: set[str]) -> str:
    """Return a valid and free name of a prim: that of the segment, with the id added if another prim has it."""
    from pxr import Tf  # noqa: PLC0415 (an extra)

    valid: str = Tf.MakeValidIdentifier(segment.name)
    while valid in taken:
        valid = f"{valid}_{segment.id}"
    taken.add(valid)
    return valid
