"""The photographs of a folder, put into a capture as images that a reconstruction can read.

A photograph is linked where that can be, else copied. Formats that COLMAP does not read (HEIC, AVIF, WebP, CMYK, 16-bit
or floating greys) are written anew as JPEG at quality 95; the view then has the new file's name.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from splatseg.capture.images import IMAGE_SUFFIXES, opened_image, read_upright, stem_of
from splatseg.errors import CaptureError
from splatseg.files import atomic_write
from splatseg.parts import make_folder
from splatseg.plain_text import first_few

READ_AS_THEY_ARE = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")
"""Suffixes of formats that COLMAP reads."""

QUALITY = 95
"""Of JPEG files that are written anew."""

FEWEST = 3
"""Photographs from which a scene can be told: two have no third to check them."""


@dataclass(frozen=True)
class Photograph:
    """One photograph of a capture that is being made."""

    name: str
    """Name in the capture's `images`, with forward slashes."""

    source: Path
    """File it came from."""

    lens: str
    """Text that photographs taken with one lens share: size, maker, model and focal length as EXIF has them."""


def find_photographs(folder: Path, apart_from: Path) -> list[Path]:
    """Return the image files in a folder and below it, but for a capture in it that is being made, by name.

    Raises CaptureError if they are too few.
    """
    images = (apart_from / "images").resolve()
    made = images if folder.resolve() != images else None
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES
        and path.is_file()
        and (made is None or made not in path.resolve().parents)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if len(found) < FEWEST:
        entries = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
        raise CaptureError(
            f"{folder} holds {len(found) or 'no'} photograph{'s' * (len(found) != 1)}, and poses need {FEWEST} or "
            f"more; found: {first_few(entries) if entries else 'it is empty'}"
        )
    return found


def put_photographs(
    files: list[Path], root: Path, images: Path, advance: Callable[[int], None] | None = None
) -> list[Photograph]:
    """Put files below `root` into the folder `images` and return what they are there. What is there already stays.

    Raises CaptureError for a file that is no image, and for two that would have one name.
    """
    taken: dict[str, Path] = {}
    photographs = []
    for number, source in enumerate(files, start=1):
        relative = source.relative_to(root).as_posix()
        anew, lens = _looked_at(source)
        name = stem_of(relative) + ".jpg" if anew else relative
        other = taken.setdefault(stem_of(name).casefold(), source)
        if other != source:
            raise CaptureError(
                f"{other} and {source} differ in suffix or case only, so their masks and results would share a name; "
                "rename one of them"
            )
        place = images / name
        if not place.exists():
            make_folder(place.parent)
            if anew:
                _write_anew(source, place)
            else:
                _link(source, place)
        photographs.append(Photograph(name, source, lens))
        if advance is not None:
            advance(number)
    return photographs


def _looked_at(path: Path) -> tuple[bool, str]:
    """Return whether an image must be written anew, and the text of its lens. Raises CaptureError if it is none."""
    with opened_image(path) as image:
        exif = image.getexif()
        details = exif.get_ifd(0x8769)  # the Exif block proper: focal length, and that of a 35 mm camera
        facts = [*image.size, exif.get(0x010F), exif.get(0x0110), details.get(0x920A), details.get(0xA405)]
        plain = image.mode in ("1", "L", "RGB", "RGBA", "P", "LA") and path.suffix.lower() in READ_AS_THEY_ARE
    return not plain, " ".join(str(fact).strip() for fact in facts)


def _write_anew(source: Path, place: Path) -> None:
    pixels, exif = read_upright(source)
    with atomic_write(place) as file:
        Image.fromarray(pixels).save(file, format="JPEG", quality=QUALITY, exif=exif)


def _link(source: Path, place: Path) -> None:
    """Give a file a second name; copy it where the file system cannot."""
    try:
        os.link(source.resolve(), place)
    except OSError:
        with source.open("rb") as old, atomic_write(place) as new:
            shutil.copyfileobj(old, new)
