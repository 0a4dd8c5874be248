"""The examples for other programs read what splatseg writes: names, ids, colours, and every parameter."""

from __future__ import annotations

import functools
import importlib.util
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from browser_tab import SCREENSHOTS
from node_tools import node, node_modules
from scenes import colorful_splats

import splatseg
from splatseg.cameras.camera import Camera
from splatseg.formats.write import write_splats
from splatseg.segments.segment import described_as
from splatseg.segments.segments_json import read_segments, write_segments

PLUGINS = Path(__file__).resolve().parents[1] / "examples" / "plugins"


def plugin(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, PLUGINS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run has for others: a splat of three things beside one another, one of them without a segment."""
    where = tmp_path_factory.mktemp("run")
    splats = colorful_splats(600, degree=2)
    ids = torch.arange(600, dtype=torch.int32) % 3  # 0 = none
    means = splats.means * 0.1 + torch.tensor([[-1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])[ids.long()]
    splats = splats.replace(means=means, segment_ids=ids, log_scales=torch.full((600, 3), -3.0))
    rows = [row.renamed(name) for row, name in zip(described_as(splats, ()), ("red mug", "Köln"), strict=True)]
    write_splats(where / "splats.ply", splats, rows)
    write_splats(where / "all.glb", splats, rows)
    write_segments(where / "segments.json", rows)
    return where


def test_gsplat_gets_every_parameter_under_its_own_name(folder: Path) -> None:
    splats, ids, table = plugin("gsplat_segments").load(folder)
    expected = splatseg.load_splats(folder / "splats.ply")[0]
    assert {row["name"] for row in table.values()} == {"red mug", "Köln"}
    assert torch.equal(ids, expected.segment_ids)
    own = {
        "means": expected.means,
        "scales": expected.log_scales,
        "quats": expected.quats,
        "opacities": expected.opacity_logits,
        "sh0": expected.sh0[:, None],
        "shN": expected.shN,
    }
    assert splats.keys() == own.keys()
    assert all(torch.equal(splats[name], own[name]) for name in own)


def test_a_segment_goes_into_a_model_of_nerfstudio(folder: Path) -> None:
    gsplat_segments = plugin("gsplat_segments")
    splats, ids, _ = gsplat_segments.load(folder)
    # The parameters and shapes of nerfstudio's SplatfactoModel.
    shapes = {"means": (3,), "scales": (3,), "quats": (4,), "opacities": (1,), "features_dc": (3,)}
    before = {name: torch.nn.Parameter(torch.zeros(7, *shape)) for name, shape in shapes.items()}
    before["features_rest"] = torch.nn.Parameter(torch.zeros(7, 8, 3))
    model = SimpleNamespace(gauss_params=torch.nn.ParameterDict(before))
    gsplat_segments.into_splatfacto(model, gsplat_segments.only(splats, ids == 2))
    for name, parameter in model.gauss_params.items():
        assert parameter.shape == (200, *before[name].shape[1:])
    assert torch.equal(model.gauss_params["means"], splats["means"][ids == 2])


def test_the_camera_of_the_gsplat_example_looks_at_the_segment(folder: Path) -> None:
    gsplat_segments = plugin("gsplat_segments")
    splats, ids, _ = gsplat_segments.load(folder)
    means = splats["means"][ids == 1]
    viewmat, K = gsplat_segments.around(means, 64, 48)
    pixels, depths = Camera(viewmat.double().numpy(), K.double().numpy(), 64, 48).project(means.double().numpy())
    inside = (depths > 0) & (pixels >= 0).all(1) & (pixels < (64, 48)).all(1)
    assert inside.mean() > 0.8


def test_a_file_that_is_no_ply_is_refused_by_the_reader_for_others(tmp_path: Path) -> None:
    path = tmp_path / "splats.ply"
    path.write_bytes(b"ply\nformat ascii 1.0\n")
    with pytest.raises(ValueError, match=r"is no \.ply"):
        plugin("segments_ply").read_ply(path)


def test_blender_gets_the_gaussians_of_every_segment_by_name(folder: Path) -> None:
    found = {row["name"]: arrays for row, arrays in plugin("blender_import").points_of_segments(folder)}
    expected = splatseg.load_splats(folder / "splats.ply")[0]
    assert found.keys() == {"unsegmented", "red mug", "Köln"}
    members = expected.segment_ids == 1
    np.testing.assert_allclose(found["red mug"]["scale"], expected.scales[members].numpy(), rtol=1e-6)
    np.testing.assert_allclose(found["red mug"]["opacity"], expected.opacities[members].numpy(), rtol=1e-5)
    assert found["Köln"]["color"].shape == (200, 4)


CHECK = """
import bpy, json
print("FOUND " + json.dumps({t.name: [t["segment_id"], len(t.data.vertices), sorted(a.name for a in t.data.attributes)]
                             for t in bpy.data.collections["splat"].objects}))
"""


def test_blender_itself_imports_a_run(folder: Path, tmp_path: Path) -> None:
    program = shutil.which("blender")
    if program is None:
        pytest.skip("there is no Blender here")
    (tmp_path / "check.py").write_text(CHECK)
    script, check = str(PLUGINS / "blender_import.py"), str(tmp_path / "check.py")
    done = subprocess.run(
        [program, "-b", "--factory-startup", "--python", script, "--python", check, "--", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "FOUND" in done.stdout, done.stdout + done.stderr
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("FOUND"))[6:])
    assert {name: facts[:2] for name, facts in found.items()} == {
        "unsegmented": [0, 200],
        "red mug": [1, 200],
        "Köln": [2, 200],
    }
    assert {"color", "opacity", "scale", "rotation"} <= set(found["red mug"][2])


def view() -> Camera:
    """A camera in front of the three things."""
    viewmat = np.eye(4)
    viewmat[2, 3] = 3.0
    return Camera(viewmat, np.array([[60.0, 0.0, 40.0], [0.0, 60.0, 20.0], [0.0, 0.0, 1.0]]), 80, 40)


PICK = """
import { readFileSync } from "node:fs";
const { readSplat, pick } = await import(process.argv[1]);
const file = readFileSync(process.argv[2]);
const splat = readSplat(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
const rays = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify({
  segments: [...splat.segments.values()],
  ids: rays.map(([origin, direction]) => pick(splat, origin, direction)),
}));
"""


def test_a_pick_in_the_browser_is_the_label_map_at_its_pixel(folder: Path) -> None:
    scene, camera = splatseg.open(folder / "splats.ply"), view()
    labels = scene.label_map(camera)
    rng = np.random.default_rng(0)
    pixels = np.stack([rng.integers(0, 80, 300), rng.integers(0, 40, 300)], 1)
    directions = np.linalg.inv(camera.K) @ np.vstack([pixels.T + 0.5, np.ones(300)])
    # The world of a .glb is turned by half a turn around z.
    turned = np.diag([-1.0, -1.0, 1.0])
    rays = [[(turned @ camera.position).tolist(), (turned @ direction).tolist()] for direction in directions.T]
    done = subprocess.run(
        [node(), "--input-type=module", "-e", PICK, (PLUGINS / "segments_glb.js").as_uri(), str(folder / "all.glb")],
        input=json.dumps(rays),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    rows = {row.id: row for row in read_segments(folder / "segments.json")}
    assert [(row["id"], row["name"], row["count"]) for row in said["segments"]] == [
        (row.id, row.name, row.count) for row in rows.values()
    ]
    assert all(tuple(row["color"]) == rows[row["id"]].color for row in said["segments"])
    expected = labels[pixels[:, 1], pixels[:, 0]]
    # On screen the filter of the rasteriser makes Gaussians a little larger than a ray finds them.
    assert (np.array(said["ids"]) == expected).mean() > 0.97
    assert set(expected.tolist()) == {0, 1, 2}


@pytest.fixture
def served(folder: Path, tmp_path: Path) -> Iterator[str]:
    """The page with its libraries and the splat, as `python -m http.server` would serve them."""
    modules = node_modules("@sparkjsdev/spark")
    for path in PLUGINS.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "all.glb").symlink_to(folder / "all.glb")
    (tmp_path / "node_modules").symlink_to(modules)
    handler = functools.partial(_Silent, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing: the test's output is not a server's log."""


def test_a_click_in_the_page_of_spark_names_the_segment(browser: Any, served: str) -> None:
    page = browser.new_page(viewport={"width": 800, "height": 400})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    # As `view`, turned as the .glb is: the thing of segment 2 is on the right of the run's own picture.
    page.goto(f"{served}/spark_pick.html?file=all.glb&from=0,0,-3&to=0,0,0&up=0,1,0")
    label = page.locator("#name")
    page.wait_for_function("document.getElementById('name').value == 'Click a thing'", timeout=60_000)
    found = {}
    for x in (400, 543, 257):
        page.mouse.click(x, 200)
        page.wait_for_function("document.getElementById('name').value != 'Click a thing'")
        found[x] = label.input_value() if label.evaluate("node => node.tagName") == "INPUT" else label.inner_text()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "spark_pick.png")
    page.close()
    assert found[400] == "red mug (1)"
    assert {found[543], found[257]} == {"Köln (2)", "nothing"}
    assert not errors
