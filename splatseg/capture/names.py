"""Files found by a view's name, also where another system wrote the name differently.

Windows and macOS do not tell upper from lower case, and macOS keeps letters with accents in two parts (Unicode's
decomposed form). So a capture or a folder of masks that was copied may hold IMG_0.jpg for IMG_0.JPG, and the same
letters in other code points. The exact name comes first; another one counts only if no second one reads the same.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path


def folded(name: str) -> str:
    """Return a name in the form in which names that differ in case or Unicode's normal form alone are equal."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def file_at(path: Path) -> Path | None:
    """Return the file at a path, or the only one whose path differs in case or normal form alone; None without any."""
    try:
        return path if path.is_file() else _alike(path)
    except (OSError, ValueError):  # a name that no file can have, or a folder that may not be read
        return None


def is_there(path: Path) -> bool:
    """Return True if a path that `file_at` returned, or would have, is a file: without looking for other spellings."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _alike(path: Path) -> Path | None:
    """Return the only file whose path differs in case or normal form alone. Raises OSError for impossible names."""
    place = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        alike = (part,) if (place / part).exists() else _entries(place).get(folded(part), ())
        if len(alike) != 1:
            return None
        place = place / alike[0]
    return place if place.is_file() else None


def _entries(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the names in a folder by their folded form; none if it is no folder."""
    return _listed(folder, folder.stat().st_mtime_ns) if folder.is_dir() else {}


@lru_cache(maxsize=64)
def _listed(folder: Path, changed: int) -> dict[str, tuple[str, ...]]:
    """Return the names in a folder by their folded form, kept as long as the folder is not changed."""
    del changed
    entries: dict[str, tuple[str, ...]] = {}
    for entry in folder.iterdir():
        entries[folded(entry.name)] = (*entries.get(folded(entry.name), ()), entry.name)
    return entries
