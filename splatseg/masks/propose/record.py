"""masks.json: record of how the masks of a folder were made, with which later and parallel runs must agree.

    {"generator": ..., "family": ..., "settings": {...}, "versions": {...}, "downscale": 1, "duplicate_iou": 0.95,
     "views": {"left/000.jpg": 131, ...}}

`views` has the number of masks of each view; it may be out of date while several processes work on a folder (--shard).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from splatseg.errors import MaskError
from splatseg.files import write_json
from splatseg.masks.listing import RECORD_NAME
from splatseg.untrusted.documents import DocumentError, Field, parse_json, read_json

AGREED = ("generator", "family", "settings", "surface", "downscale", "duplicate_iou")
"""Facts that all masks of one folder share. Versions and precision may differ between machines."""


def check_record(folder: Path, facts: dict[str, Any]) -> None:
    """Begin a folder of masks, or check that its masks were made as `facts` say; only the name of a model counts.

    Raises MaskError if the folder holds other files, or if its masks were made with other settings.
    """
    path = folder / RECORD_NAME
    if not path.exists():
        if folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise MaskError(f"{folder} holds other files and no {RECORD_NAME}; give a folder of its own for the masks")
        write_record(folder, facts, {})
        return
    earlier = _read(path)
    changed = [name for name in AGREED if _plain(earlier.get(name)) != _plain(facts.get(name))]
    if changed:
        raise MaskError(
            f"the masks in {folder} were made otherwise ({_difference(earlier, facts, changed[0])}); use the same "
            "settings to go on, another folder, or --overwrite"
        )


def is_of_another_surface(folder: Path, facts: dict[str, Any]) -> bool:
    """Tell whether a folder holds masks made with another splat's surface than `facts` say, or with none."""
    path = folder / RECORD_NAME
    return path.exists() and _read(path).get("surface") != facts.get("surface")


def write_record(folder: Path, facts: dict[str, Any], counts: dict[str, int]) -> None:
    """Write the record, with the number of masks by view."""
    write_json(folder / RECORD_NAME, facts | {"views": counts})


def recorded_counts(folder: Path) -> dict[str, int]:
    """Return the recorded number of masks by view. Raises MaskError if the record is damaged."""
    path = folder / RECORD_NAME
    if not path.exists():
        return {}
    try:
        views = Field(_read(path)).get("views")
        return {} if views is None else {name: field.whole(0) for name, field in views.entries().items()}
    except DocumentError as error:
        raise MaskError(f"{path} cannot be read ({error}); remove the folder or use --overwrite") from error


def _read(path: Path) -> dict[str, Any]:
    """Read a record. Raises MaskError if it is not a JSON object."""
    try:
        return {name: field.plain() for name, field in read_json(path).entries().items()}
    except (OSError, DocumentError) as error:
        raise MaskError(f"{path} cannot be read ({error}); remove the folder or use --overwrite") from error


def _plain(value: Any) -> Any:
    """Return a value as it is after a round trip through JSON; of a path only the last part."""
    return Path(value).name if isinstance(value, str) else parse_json(json.dumps(value)).value


def _difference(earlier: dict[str, Any], facts: dict[str, Any], name: str) -> str:
    """Return in words the first difference in a fact; of settings, the first that differs."""
    old, new = _plain(earlier.get(name)), _plain(facts.get(name))
    if isinstance(old, dict) and isinstance(new, dict):
        name = next(key for key in sorted(old | new) if old.get(key) != new.get(key))
        old, new = old.get(name), new.get(name)
    return f"{name} was {old} and is now {new}"
