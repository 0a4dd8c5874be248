"""Loads a run into gsplat or nerfstudio with its segments, and renders one of them with gsplat (which needs a card).

    python gsplat_segments.py RUN --segment "red mug" -o mug.png

`load` gives the parameters as gsplat's own trainer calls them; `into_splatfacto` puts them into a model of nerfstudio:

    splats, ids, table = load("RUN")
    into_splatfacto(pipeline.model, only(splats, ids == 3))
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent))
from segments_ply import columns, read_ply, read_segments

SPLATFACTO = {
    "means": "means",
    "scales": "scales",
    "quats": "quats",
    "opacities": "opacities",
    "features_dc": "sh0",
    "features_rest": "shN",
}
"""Names of nerfstudio's parameters, and those of gsplat's trainer."""


def load(run, device="cpu"):
    """Return parameters by name, segment ids (N,), and the table of segments by id.

    Parameters: means (N,3), scales (N,3) logarithms, quats (N,4) wxyz, opacities (N,) logits, sh0 (N,1,3), shN (N,K,3).
    """
    ply, table = read_ply(Path(run) / "splats.ply"), read_segments(Path(run) / "segments.json")
    rest = sorted((name for name in ply if name.startswith("f_rest_")), key=lambda name: int(name[7:]))
    # The file has all red ones first, then green, then blue.
    higher = columns(ply, *rest).reshape(-1, 3, len(rest) // 3) if rest else np.zeros((len(ply["x"]), 3, 0), "f4")
    arrays = {
        "means": columns(ply, "x", "y", "z"),
        "scales": columns(ply, "scale_0", "scale_1", "scale_2"),
        "quats": columns(ply, "rot_0", "rot_1", "rot_2", "rot_3"),
        "opacities": columns(ply, "opacity")[:, 0],
        "sh0": columns(ply, "f_dc_0", "f_dc_1", "f_dc_2")[:, None],
        "shN": higher.transpose(0, 2, 1),
    }
    splats = {name: torch.from_numpy(np.ascontiguousarray(array)).to(device) for name, array in arrays.items()}
    return splats, torch.from_numpy(np.array(ply["segment_id"])).to(device), table


def only(splats, members):
    """Return the Gaussians of a mask (N,) bool."""
    return {name: values[members] for name, values in splats.items()}


def into_splatfacto(model, splats):
    """Replace the Gaussians of a nerfstudio SplatfactoModel; its degree of harmonics must be that of the splat."""
    given = {name: splats[own] for name, own in SPLATFACTO.items()}
    given["opacities"], given["features_dc"] = given["opacities"][:, None], given["features_dc"][:, 0]
    for name, values in given.items():
        model.gauss_params[name] = torch.nn.Parameter(values.to(model.gauss_params[name].device))


def render(splats, viewmat, K, width, height):
    """Render with gsplat: (H,W,3) in 0..1 and alphas (H,W), for viewmat (4,4) world to camera and K (3,3)."""
    from gsplat import rasterization  # noqa: PLC0415 (loading needs no gsplat)

    colors = torch.cat([splats["sh0"], splats["shN"]], 1)
    degree = int(colors.shape[1] ** 0.5) - 1
    pictures, alphas, _ = rasterization(
        splats["means"],
        splats["quats"],
        splats["scales"].exp(),
        splats["opacities"].sigmoid(),
        colors,
        viewmat[None],
        K[None],
        width,
        height,
        sh_degree=degree,
    )
    return pictures[0], alphas[0, ..., 0]


def around(means, width, height):
    """Return a camera that looks at points (N,3) along z: viewmat (4,4) and K (3,3)."""
    middle, size = means.median(0).values, (means.quantile(0.95, 0) - means.quantile(0.05, 0)).max()
    viewmat = torch.eye(4, device=means.device)
    viewmat[:3, 3] = torch.stack([-middle[0], -middle[1], 2 * size - middle[2]])
    K = torch.tensor([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1.0]], device=means.device)
    return viewmat, K


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--segment", help="name or id; everything without it")
    parser.add_argument("-o", "--output", default="segment.png")
    given = parser.parse_args()
    splats, ids, table = load(given.run, "cuda")
    if given.segment:
        chosen = [row["id"] for row in table.values() if given.segment in (row["name"], str(row["id"]))]
        if not chosen:
            names = ", ".join(row["name"] for row in table.values())
            sys.exit(f"there is no segment {given.segment!r}; there are: {names}")
        splats = only(splats, torch.isin(ids, torch.tensor(chosen, device=ids.device)))
    picture, _ = render(splats, *around(splats["means"], 640, 480), 640, 480)
    Image.fromarray((255 * picture.clamp(0, 1)).byte().cpu().numpy()).save(given.output)
