"""`splatseg render`: pictures of a run from the cameras of its capture or from any others, or a film along a path."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from splatseg.cli.arguments import Cameras, Device, Form, MovedCapture, Printed, Split, opened, read_size
from splatseg.cli.console import Terminal
from splatseg.errors import PromptError
from splatseg.render.film.kinds import FILM_SUFFIXES, Codec
from splatseg.render.shown import Shown
from splatseg.requests.filming import Direction, Film

Source = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(name="run", metavar="RUN|SPLAT")]


@dataclass(frozen=True)
class Render:
    """Render a run from its views or from any cameras, as PNGs named as the views; or a film along a path.

    rgb: the splat's colours. features: its features as colours (PCA). segments: 16-bit label maps, 0 = none.
    overlay: colours tinted by segment, as in segments.json. masks: a folder a segment, DIR/<id>/<view>.png, 0 to 255.
    depth: 16-bit, with the unit in depth.json beside the pictures.

    With --path the output is a film: FILE.mp4, .webp or .gif, or a new folder of PNGs. Then segments have their
    colours, masks are the --segment highlighted in the picture, and depth goes from yellow (near) to violet (far).
    """

    folder: Source
    """A run; or, for a film, a splat file."""
    what: Shown
    """The kind of picture."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="DIR|FILE")]
    """The folder to write, or the file of a film."""
    split: Split | None = None
    """The views to render. Default: test."""
    cameras: Cameras = None
    """Look from these cameras instead: a transforms.json, or a folder with one or with a COLMAP model, in the
    coordinates of the capture. Images are not needed."""
    segment: Annotated[tuple[int, ...], tyro.conf.arg(metavar="ID")] = ()
    """Ids of the segments whose masks to write with --what masks (see segments.json). Default: all."""
    antialias: bool = False
    """Masks with smooth edges: grey is the share of a pixel. Label maps: the id of most of 16 samples of a pixel."""
    undistorted: bool = False
    """Pictures without the bend of the lens. Default: in the pixels of photographs as they are."""
    path: Annotated[str | None, tyro.conf.arg(metavar="orbit|capture|FILE")] = None
    """Make a film: orbit goes around what the capture's cameras look at, capture along its views, FILE through
    keyframes: cameras as --cameras takes them, in the order of their names."""
    seconds: float | None = None
    """Length of the film. Default: 8."""
    fps: float | None = None
    """Frames a second. Default: 30."""
    size: Annotated[str | None, tyro.conf.arg(metavar="WxH")] = None
    """Size of the film, such as 1280x720. Default: the capture's pictures, reduced to 720 rows."""
    codec: Codec | None = None
    """For .mp4: h264 needs the program ffmpeg. Default: auto, which is h264 if it can be, else av1."""
    up: Direction | None = None
    """Direction of up in a splat file. Default: -y."""
    draft: bool = False
    """A film of a large splat, faster: Gaussians smaller than a pixel are merged. It looks nearly the same."""
    capture: MovedCapture = None
    """Folder of the capture, if it is not where it was; the run remembers it."""
    device: Device = None
    """Processor or NVIDIA card to compute on; auto: the card, if there is one that can be used. Default:
    SPLATSEG_DEVICE, else auto."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Render and print how many pictures were written, or which film."""
        if self.path is not None:
            terminal.result(self._film(self.path, terminal))
            return
        self._refuse_what_is_for_films()
        run = opened(self.folder, self.capture)
        from splatseg.jobs.render import render_run

        summary = render_run(
            run,
            self.what,
            self.split,
            self.output,
            self.cameras,
            self.segment,
            self.antialias,
            terminal,
            self.undistorted,
        )
        terminal.result(summary)

    def _film(self, path: str, terminal: Terminal) -> str:
        given = (("--split", self.split), ("--cameras", self.cameras), ("--undistorted", self.undistorted))
        for option, value in given:
            if value:
                raise PromptError(f"--path has its own cameras; leave {option} out, or give --path FILE")
        wanted: dict[str, Any] = {
            "seconds": self.seconds,
            "fps": self.fps,
            "size": read_size(self.size),
            "codec": self.codec,
            "up": self.up,
            "draft": self.draft,
        }
        film = Film(path, **{name: value for name, value in wanted.items() if value is not None})
        source = self.folder if self._is_splat() else opened(self.folder, self.capture)
        from splatseg.jobs.film import render_film

        return render_film(source, self.what, film, self.output, self.segment, self.antialias, terminal)

    def _refuse_what_is_for_films(self) -> None:
        for option in ("seconds", "fps", "size", "codec", "up", "draft"):
            if getattr(self, option) not in (None, False):
                raise PromptError(f"--{option} is for films; name the path of the camera: --path orbit")
        if self.output.suffix.lower() in FILM_SUFFIXES:
            raise PromptError(f"{self.output} is a film; name the path of its camera: --path orbit, capture or FILE")
        if self._is_splat():
            raise PromptError(f"{self.folder} comes without views to render; film it with --path orbit")

    def _is_splat(self) -> bool:
        from splatseg.formats.read import holds_splat

        return self.folder.exists() and holds_splat(self.folder)
