"""Which reader opens which format, and what is left: python benchmarks/bench_formats.py RUN|FILE [--count N]

A line a format and reader: how many Gaussians it finds, the share whose segment id survives (in the file, or in the
sidecar laid beside the reader's Gaussians), the size, the seconds of writing, and the error of positions (world units,
99 % and largest), of colours (99 %, steps of 8 bits) and of a picture (PSNR in dB) against what was written. Readers:
ours, gaussforge, usd-core, gltf-validator, splat-transform, and a viewer that reads by position (`--layout inria`). The
two in JavaScript are looked for as the tests do, hence PYTHONPATH=.:benchmarks:tests; what is not there is left
out. --pictures DIR keeps the pictures.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from bench_splat_files import looking_at
from node_tools import find_node_modules, splat_transform, validated_gltf
from scipy.spatial import cKDTree

from splatseg import Camera, Splats, load_splats, write_splats
from splatseg.files import write_png
from splatseg.formats.inria_layout import write_inria_layout
from splatseg.formats.ply.ply import read_ply
from splatseg.formats.sidecar import read_sidecar
from splatseg.formats.write import FORMATS
from splatseg.jobs.export import Source, open_source
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.splats.activations import Y0
from splatseg.splats.half_turn import half_turn
from splatseg.splats.splats import splats_of

GAUSSFORGE = {"ply", "compressed.ply", "splat", "spz", "sog"}


@dataclass(frozen=True)
class Found:
    """What a reader finds: a count, or Gaussians in the order of the file with ids where it keeps them."""

    count: int
    splats: Splats | None = None
    refusal: str = ""


def by_us(path: Path, folder: Path) -> Found:
    """load_splats."""
    splats = load_splats(path)[0]
    return Found(len(splats), splats)


def by_gaussforge(path: Path, folder: Path) -> Found:
    """gaussforge, its numbers taken as they are; .spz has other axes by its definition."""
    import gaussforge  # noqa: PLC0415 (an extra)

    kind = path.name.split(".", 1)[1]
    done = gaussforge.GaussForge().convert(path.read_bytes(), kind, "ply")
    if "error" in done:
        return Found(0, refusal=done["error"])
    (folder / "back.ply").write_bytes(done["data"])
    splats = splats_of(read_ply(folder / "back.ply"))
    return Found(len(splats), half_turn(splats, 0) if kind == "spz" else splats)


def by_splat_transform(path: Path, folder: Path) -> Found:
    """splat-transform to a .ply."""
    splat_transform(path, folder / "back.ply")
    splats = splats_of(read_ply(folder / "back.ply"))
    return Found(len(splats), splats)


def by_usd(path: Path, folder: Path) -> Found:
    """usd-core: all prims, each with its segment id."""
    from pxr import Usd, UsdVol  # noqa: PLC0415 (an extra)

    stage = Usd.Stage.Open(str(path))
    parts = []
    for prim in stage.GetDefaultPrim().GetChildren():
        field = UsdVol.ParticleField3DGaussianSplat(prim)
        positions = torch.from_numpy(np.array(field.GetPositionsAttr().Get()))
        harmonics = np.array(field.GetRadianceSphericalHarmonicsCoefficientsAttr().Get()).reshape(len(positions), -1, 3)
        quats = np.array([[quat.real, *quat.imaginary] for quat in field.GetOrientationsAttr().Get()])
        scales = torch.from_numpy(np.array(field.GetScalesAttr().Get())).log()
        logits = torch.from_numpy(np.array(field.GetOpacitiesAttr().Get())).logit(1e-7)
        identity = prim.GetAttribute("splatseg:segmentId").Get() or 0
        ids = torch.full((len(positions),), identity).int()
        parts.append((positions, torch.from_numpy(quats).float(), scales, logits, torch.from_numpy(harmonics), ids))
    *geometry, colors, ids = (torch.cat(values) for values in zip(*parts, strict=True))
    splats = Splats(*geometry, colors[:, 0], colors[:, 1:], segment_ids=ids)
    return Found(len(splats), half_turn(splats, 0))


def by_gltf_validator(path: Path, folder: Path) -> Found:
    """gltf-validator, which does not know the extension's attribute names and checks everything else."""
    report = validated_gltf(path)
    faults = [issue for issue in report["issues"]["messages"] if issue["severity"] < 2]
    assert all(issue["code"] == "MESH_PRIMITIVE_INVALID_ATTRIBUTE" for issue in faults), faults
    return Found(report["info"]["totalVertexCount"])


def readers_of(name: str) -> dict[str, Callable[[Path, Path], Found]]:
    """The readers of a format that are here."""
    readers: dict[str, Callable[[Path, Path], Found]] = {}
    if name in GAUSSFORGE:
        readers["ours"] = by_us
        if importlib.util.find_spec("gaussforge"):
            readers["gaussforge"] = by_gaussforge
        if find_node_modules("@playcanvas/splat-transform"):
            readers["splat-transform"] = by_splat_transform
    if name.startswith("usd"):
        readers["usd-core"] = by_usd
    if name == "glb" and find_node_modules("gltf-validator"):
        readers["gltf-validator"] = by_gltf_validator
    return readers


def picture(splats: Splats, camera: Camera) -> np.ndarray:
    """(H, W, 3) uint8."""
    return to_uint8(render_rgb(splats, camera, background=(1.0, 1.0, 1.0)))


def compared(found: Found, splats: Splats, ids: torch.Tensor | None, camera: Camera, keep: Path | None) -> str:
    """Survival of ids and errors, each Gaussian of the file against the nearest of what was written."""
    if found.refusal:
        return f"refused: {found.refusal}"
    if found.splats is None:
        return f"{found.count:>10,}  {'':>7}"
    distances, nearest = cKDTree(splats.means.numpy()).query(found.splats.means.numpy())
    colors = ((found.splats.sh0 - splats.sh0[nearest]) * Y0 * 255).abs().numpy()
    there = found.splats.segment_ids if found.splats.segment_ids is not None else ids
    survived = "none"
    if there is not None and splats.segment_ids is not None:
        survived = f"{float((there == splats.segment_ids[nearest]).float().mean()):.2%}"
    ends = np.quantile(distances, (0.99, 1.0))
    told = f"{found.count:>10,}  {survived:>7}  {ends[0]:>9.2g} {ends[1]:>9.2g}  {np.quantile(colors, 0.99):>6.2f}"
    image = picture(found.splats, camera)
    if keep:
        write_png(keep, image)
    error = np.mean((image / 255.0 - picture(splats, camera) / 255.0) ** 2)
    return f"{told}  {-10 * np.log10(error) if error else np.inf:>5.1f}"


def bench_layout(source: Source, folder: Path) -> None:
    """The folder for viewers, its splat read by position as 62 floats a row."""
    if source.run is None:
        return
    began = time.perf_counter()
    write_inria_layout(folder / "layout", source.splats, source.run.capture, 1)
    seconds = time.perf_counter() - began
    path = folder / "layout" / "point_cloud" / "iteration_1" / "point_cloud.ply"
    rows = np.frombuffer(path.read_bytes().partition(b"end_header\n")[2], "<f4").reshape(-1, 62)
    assert np.array_equal(rows[:, :3], source.splats.means.numpy())
    print(
        f"{'inria layout':<15} {path.stat().st_size / 1e6:>8.2f} {seconds:>7.2f}  {'by position':<15} "
        f"{len(rows):>10,}  {'none':>7}  {0:>9.2g} {0:>9.2g}  {0:>6.2f}"
    )


def main() -> None:
    """A line a format and reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--count", type=int, help="take so many Gaussians, evenly")
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    source = open_source(given.source)
    if given.count and given.count < len(source.splats):
        picked = torch.linspace(0, len(source.splats) - 1, given.count).long()
        source = Source(source.splats.subset(picked), source.segments, source.run)
    splats = source.splats
    camera = source.run.capture.views[0].camera if source.run else looking_at(splats)
    if given.pictures:
        write_png(given.pictures / "original.png", picture(splats, camera))
    print(f"{len(splats):,} Gaussians of degree {splats.sh_degree}")
    print(
        f"{'format':<15} {'MB':>8} {'write s':>7}  {'reader':<15} {'Gaussians':>10}  {'ids':>7}  "
        f"{'pos 99 %':>9} {'pos max':>9}  {'colour':>6}  {'dB':>5}"
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        for item, plain in [(FORMATS["ply"], True), *((item, False) for item in FORMATS.values())]:
            path = folder / f"splat.{item.name}"
            began = time.perf_counter()
            written = write_splats(path, splats, source.segments, plain=plain)
            seconds, size = time.perf_counter() - began, path.stat().st_size / 1e6
            head = f"{'.' + item.name + (' --plain' if plain else ''):<15} {size:>8.2f} {seconds:>7.2f}"
            beside = read_sidecar(path, len(splats)) if written.sidecar else None
            ids = None if beside is None else beside[0]
            readers = readers_of(item.name)
            for reader, read in readers.items():
                keep = given.pictures / f"{item.name}_{reader}.png" if given.pictures else None
                told = compared(read(path, folder), splats, ids, camera, keep)
                print(f"{head}  {reader:<15} {told}", flush=True)
            if not readers:
                print(head)
            path.unlink()
        bench_layout(source, folder)


if __name__ == "__main__":
    main()
