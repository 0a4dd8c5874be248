"""The transforms.json of programs: keys and names as each writes them, with the poses of a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from splatseg.cameras.lens import FISHEYE, PANORAMA, PERSPECTIVE

App = Callable[[list[list[float]]], tuple[dict[str, Any], str, bool]]
"""From a pose to the content, the kind of the lens, and whether it bends the picture."""

SMALL_LENS = {"k1": 0.0146, "k2": -0.0283, "p1": 0.00015, "p2": 0.00061}


def nerfstudio(pose: list[list[float]]) -> tuple[dict[str, Any], str, bool]:
    """ns-process-data images or video."""
    frames = [{"file_path": f"images/frame_0000{i}.png", "transform_matrix": pose, "colmap_im_id": i} for i in (1, 2)]
    size = {"w": 64, "h": 48, "fl_x": 60.1, "fl_y": 60.2, "cx": 32.3, "cy": 23.9}
    turned = [[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [-0.0, -0.0, -1.0, -0.0]]
    return (
        {**size, **SMALL_LENS, "camera_model": "OPENCV", "applied_transform": turned, "frames": frames},
        PERSPECTIVE,
        True,
    )


def instant_ngp(pose: list[list[float]]) -> tuple[dict[str, Any], str, bool]:
    """colmap2nerf.py, and KIRI Engine after it: angles beside focal lengths, no model, names with a dot before."""
    frames = [{"file_path": f"./images/000{i}.jpg", "sharpness": 30.5, "transform_matrix": pose} for i in (1, 2)]
    lens = {"camera_angle_x": 0.98, "camera_angle_y": 0.76, "fl_x": 60.0, "fl_y": 60.0, **SMALL_LENS, "k3": 0, "k4": 0}
    size = {"is_fisheye": False, "cx": 32.0, "cy": 24.0, "w": 64.0, "h": 48.0, "aabb_scale": 32}
    return {**lens, **size, "frames": frames}, PERSPECTIVE, True


def record3d(pose: list[list[float]]) -> tuple[dict[str, Any], str, bool]:
    """Record3D and Scaniverse by nerfstudio: a pinhole, no centre, no y."""
    frames = [{"file_path": f"images/frame_0000{i}.jpg", "transform_matrix": pose} for i in (1, 2)]
    return {"camera_model": "PINHOLE", "fl_x": 60.0, "w": 64, "h": 48, "frames": frames}, PERSPECTIVE, False


def polycam(pose: list[list[float]]) -> tuple[dict[str, Any], str, bool]:
    """Polycam by nerfstudio: a lens a frame, depths and masks named."""
    frames = [
        {
            "fl_x": 60.0 + i,
            "fl_y": 60.0 + i,
            **{"cx": 32.0, "cy": 24.0, "w": 64, "h": 48},
            "file_path": f"./images/frame_0000{i}.png",
            "depth_file_path": f"./depth/frame_0000{i}.png",
            "transform_matrix": pose,
        }
        for i in (1, 2)
    ]
    return {"camera_model": "OPENCV", "orientation_override": "none", "frames": frames}, PERSPECTIVE, False


def realitycapture(pose: list[list[float]]) -> tuple[dict[str, Any], str, bool]:
    """RealityCapture and Metashape by nerfstudio: lens and size a frame, backslashes, matrices of three rows."""
    frames = [
        {
            **{"fl_x": 60.0, "fl_y": 60.0, "cx": 32.5, "cy": 24.5, "w": 64, "h": 48},
            **{"k1": -0.05, "k2": 0.01, "k3": 0.0, "k4": 0.0, "p1": 0.0, "p2": 0.0},
            "file_path": f"images\\IMG_{i}.JPG",
            "transform_matrix": pose[:3],
        }
        for i in (1, 2)
    ]
    return {"camera_model": "OPENCV", "frames": frames}, PERSPECTIVE, True


def blender(pose: list[list[float]]) -> tuple[dict[str, Any], str, bool]:
    """Blender's add-ons: an angle, names without suffix, no size."""
    frames = [{"file_path": f"./train/r_{i}", "rotation": 0.01, "transform_matrix": pose} for i in (1, 2)]
    return {"camera_angle_x": 0.9, "frames": frames}, PERSPECTIVE, False


def fisheye(pose: list[list[float]]) -> tuple[dict[str, Any], str, bool]:
    """ns-process-data --camera-type fisheye."""
    frames = [{"file_path": f"images/frame_0000{i}.png", "transform_matrix": pose} for i in (1, 2)]
    lens = {"fl_x": 25.0, "fl_y": 25.0, "cx": 32.0, "cy": 24.0, "k1": 0.01, "k2": -0.002, "k3": 0.0, "k4": 0.0}
    return {"camera_model": "OPENCV_FISHEYE", "w": 64, "h": 48, **lens, "frames": frames}, FISHEYE, True


def panorama(pose: list[list[float]]) -> tuple[dict[str, Any], str, bool]:
    """Panoramas, with the focal lengths that nerfstudio writes and nobody means."""
    frames = [{"file_path": f"images/pano_{i}.jpg", "transform_matrix": pose} for i in (1, 2)]
    return {"camera_model": "EQUIRECTANGULAR", "w": 64, "h": 48, "fl_x": 48, "frames": frames}, PANORAMA, True


APPS: dict[str, App] = {
    **{"nerfstudio": nerfstudio, "instant-ngp and KIRI": instant_ngp, "Record3D and Scaniverse": record3d},
    **{"Polycam": polycam, "RealityCapture and Metashape": realitycapture, "Blender": blender},
    **{"fisheye": fisheye, "panorama": panorama},
}
