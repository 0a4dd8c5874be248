"""Imports the segments of a run into Blender (3.4 or later): objects with the names, colours and ids of the segments.

    blender --python blender_import.py -- RUN [MESH.glb]

Every segment becomes an object of points in the collection "splat": the centres of its Gaussians, with the point
attributes color, opacity, scale (standard deviations) and rotation (wxyz) for geometry nodes. MESH.glb is what
`splatseg export RUN --mesh -o MESH.glb` wrote; its objects come with the names of the segments into "meshes". Objects
have the custom properties segment_id and segment_parent. The world stays as it is; --up Y turns y up to z up.
"""

import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from segments_ply import colors, columns, read_ply, read_segments


def points_of_segments(run):
    """Yield for each segment its row of the table, and the arrays of its Gaussians by the name of the attribute."""
    splat, table = read_ply(Path(run) / "splats.ply"), read_segments(Path(run) / "segments.json")
    everything = {
        "position": columns(splat, "x", "y", "z"),
        "color": np.pad(colors(splat), ((0, 0), (0, 1)), constant_values=1.0),
        "opacity": 1 / (1 + np.exp(-columns(splat, "opacity")[:, 0])),
        "scale": np.exp(columns(splat, "scale_0", "scale_1", "scale_2")),
        "rotation": columns(splat, "rot_0", "rot_1", "rot_2", "rot_3"),
    }
    unsegmented = {"id": 0, "name": "unsegmented", "color": "#808080", "parent": None}
    for number in np.unique(splat["segment_id"]).tolist():
        members = splat["segment_id"] == number
        yield table.get(number, unsegmented), {name: values[members] for name, values in everything.items()}


def add_points(bpy, collection, row, arrays):
    """Make an object of points for a segment."""
    mesh = bpy.data.meshes.new(row["name"])
    mesh.from_pydata(arrays["position"].tolist(), [], [])
    kinds = {"color": ("FLOAT_COLOR", "color"), "opacity": ("FLOAT", "value"), "scale": ("FLOAT_VECTOR", "vector")}
    kinds["rotation"] = ("FLOAT_COLOR", "color")  # four numbers; older Blenders have no attribute of quaternions
    for name, (kind, slot) in kinds.items():
        attribute = mesh.attributes.new(name, kind, "POINT")
        attribute.data.foreach_set(slot, np.ascontiguousarray(arrays[name], np.float32).ravel())
    thing = bpy.data.objects.new(row["name"], mesh)
    collection.objects.link(thing)
    thing.color = [int(row["color"][i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0]
    thing["segment_id"], thing["segment_parent"] = row["id"], row["parent"] or 0
    return thing


def collection_of(bpy, name):
    """Make a collection in the scene."""
    collection = bpy.data.collections.new(name)
    bpy.context.scene.collection.children.link(collection)
    return collection


def main(arguments):
    """Import a run, and a mesh if one is named."""
    import bpy  # noqa: PLC0415 (there inside Blender alone)

    turned = "--up" in arguments and arguments[arguments.index("--up") + 1].upper() == "Y"
    run, *meshes = [name for name in arguments if name not in ("--up", "y", "Y", "z", "Z")]
    splat = collection_of(bpy, "splat")
    for row, arrays in points_of_segments(run):
        thing = add_points(bpy, splat, row, arrays)
        thing.rotation_euler[0] = math.pi / 2 if turned else 0
    for path in meshes:
        before = set(bpy.data.objects)
        bpy.ops.import_scene.gltf(filepath=str(path))
        meshed = collection_of(bpy, "meshes")
        for thing in set(bpy.data.objects) - before:
            for old in thing.users_collection:
                old.objects.unlink(thing)
            meshed.objects.link(thing)
    print(f"splatseg: {len(splat.objects)} objects of points, {len(meshes)} files of meshes")


if __name__ == "__main__":
    main(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:])
