"""Programs in JavaScript by others that read splats: gltf-validator, @playcanvas/splat-transform, Spark.

They are looked for in the folder that SPLATSEG_NODE_MODULES names, else in npm's global one; tests that need them skip
where they are not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

VALIDATE = """
const [folder, file] = process.argv.slice(1);
const validator = require(folder + '/gltf-validator');
const bytes = new Uint8Array(require('fs').readFileSync(file));
validator.validateBytes(bytes, {maxIssues: 0}).then((report) => console.log(JSON.stringify(report)));
"""


def node_modules(package: str) -> Path:
    """The folder of modules that has `package`; skips the test if there is none, or no node."""
    folder = find_node_modules(package)
    if folder is None:
        pytest.skip(f"node with {package} is not here (set SPLATSEG_NODE_MODULES to a node_modules folder that has it)")
    return folder


def node() -> str:
    """The program node; skips the test if there is none."""
    program = _node(Path(os.environ.get("SPLATSEG_NODE_MODULES", "")))
    if not program:
        pytest.skip("there is no node here")
    return program


def find_node_modules(package: str) -> Path | None:
    """The folder of modules that has `package`; None if there is none, or no node."""
    folders = [os.environ.get("SPLATSEG_NODE_MODULES", "")]
    if not folders[0] and (npm := shutil.which("npm")):
        folders = [subprocess.run([npm, "root", "-g"], capture_output=True, text=True, check=False).stdout.strip()]
    for folder in filter(None, folders):
        if (Path(folder) / package).is_dir() and _node(Path(folder)):
            return Path(folder)
    return None


def validated_gltf(path: Path) -> dict[str, Any]:
    """What gltf-validator reports of a file."""
    folder = node_modules("gltf-validator")
    done = _run([_node(folder), "-e", VALIDATE, str(folder), str(path)])
    return json.loads(done)


def splat_transform(source: Path, target: Path, *actions: str) -> None:
    """Convert a file with splat-transform. actions: options of the source."""
    folder = node_modules("@playcanvas/splat-transform")
    script = folder / "@playcanvas" / "splat-transform" / "bin" / "cli.mjs"
    _run([_node(folder), str(script), "--overwrite", "--quiet", "--gpu", "cpu", str(source), *actions, str(target)])


def _node(folder: Path) -> str:
    own = folder / ".bin" / "node"
    return str(own) if own.exists() else shutil.which("node") or ""


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
