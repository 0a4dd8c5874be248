"""Hours of use of the viewer in minutes: does its memory grow, does anything fail?

    python benchmarks/viewer_soak.py --minutes 30 [--run RUN] [--seed 0]

Starts `splatseg view` on a copy of a run (without --run: of a short fit of the demo capture) and uses it all at once,
without browsers (viewer_client.py):

    clicks     one page selects by clicks; a click counts when the panel says what it selected
    moves      one page turns its camera 30 times a second
    visits     pages come, wait for their picture, click or begin an export, and vanish without a farewell
    films      a page sets keyframes and writes a film; every second time it vanishes in the middle
    exports    a page writes selection, rest and screenshot, and waits for the download
    edits      a page renames a segment and undoes it

The memory (resident, MB) is read with all pages gone and all files written: at the start, after a warm-up of a fifth of
the time, and at the end. Growth is that from warm-up to end. An error is an unexpected one told in a page, a connection
lost, a wait of a minute in vain, or a line of the server that is not among those it says at its start.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from viewer_client import Client, looking, opened

from splatseg.cli.main import run as splatseg
from splatseg.demo.demo import demo_capture

START = "from splatseg.cli.main import main; main()"

EXPECTED = ("Ctrl-C ends it", "writing the edited segments")
"""What the server says on its error stream without fault."""

WARM_UP = 0.2
"""Share of the time that is warm-up: code is loaded, threads are started, caches fill."""


@dataclass
class Soak:
    """The server under load, and what was counted."""

    port: int
    pid: int
    exports: Path
    random: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    peak: float = 0.0

    def memory(self) -> float:
        """Resident memory of the server in MB."""
        status = Path(f"/proc/{self.pid}/status")
        if status.exists():
            kilobytes = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS")).split()[1]
        else:
            kilobytes = subprocess.check_output(["ps", "-o", "rss=", "-p", str(self.pid)], text=True)
        return int(kilobytes) / 1024

    async def repeat(self, act: Callable[[Soak], Awaitable[None]], until: float) -> None:
        """Act again and again, on new pages, until a time; what goes wrong is noted."""
        while time.monotonic() < until:
            try:
                await act(self)
            except Exception as error:
                self.errors.append(f"{act.__name__}: {type(error).__name__}: {error}")
                await asyncio.sleep(1.0)

    async def quiet(self) -> float:
        """Wait until no file is being written and the memory stays the same; return it in MB."""
        before, still = 0.0, 0
        for _ in range(180):
            await asyncio.sleep(1.0)
            busy = self.exports.is_dir() and any(path.name.endswith(".part") for path in self.exports.iterdir())
            now = self.memory()
            still = still + 1 if not busy and abs(now - before) < 0.2 else 0
            before = now
            if still >= 8:  # pages that left are tidied away every 5 seconds
                break
        return before

    async def use(self, seconds: float) -> float:
        """Use the server in all ways at once; return its memory afterwards in MB."""
        until = time.monotonic() + seconds
        acts = (clicks, moves, visits, films, exports, edits)
        await asyncio.gather(*(self.repeat(act, until) for act in acts), self._watch(until))
        return await self.quiet()

    async def _watch(self, until: float) -> None:
        while time.monotonic() < until:
            self.peak = max(self.peak, self.memory())
            for path in self.exports.iterdir() if self.exports.is_dir() else ():
                if not path.name.endswith(".part") and time.time() - path.stat().st_mtime > 60.0:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            await asyncio.sleep(1.0)

    def leave(self, client: Client) -> None:
        """Note the unexpected errors that a page was told of."""
        self.errors += [f"{title}: {body}" for title, body in client.notes if title == "An unexpected error"]


def card(client: Client) -> str:
    """The card of the selection, as the panel shows it."""
    cards = [c["content"] for u, c in client.controls.items() if client.kinds[u] == "GuiHtmlMessage"]
    return next((content for content in cards if "border-left" in content), "")


def said(client: Client, words: str) -> bool:
    """Tell whether a line of the panel begins with some words."""
    return any(str(control.get("_markdown")).startswith(words) for control in client.controls.values())


async def page(soak: Soak, client: Client) -> None:
    """Make a page and wait for its panel and picture."""
    await client.look(image_width=640, image_height=360)
    await client.find(label="Show: Colour", kind="RegisterCommandMessage")
    # A browser sends clicks from then on. The first picture of all is an empty one of viser's.
    await client.until(lambda: client.counts["ScenePointerEnableMessage"], "a page that listens to clicks")
    await client.until(lambda: client.counts["BackgroundImageMessage"] > 1, "a picture")
    soak.counts["pages"] += 1


async def selected(soak: Soak, client: Client) -> bool:
    """Select nothing, then click at a random place until something is selected; False if the place holds nothing."""
    await client.command("Select nothing")
    await client.until(lambda: "Nothing is selected" in card(client), "an empty selection")
    told = client.counts["NotificationShowMessage"]
    place = (soak.random.uniform(0.2, 0.8), soak.random.uniform(0.2, 0.8))
    await client.click(*place)
    soak.counts["clicks"] += 1
    await client.until(
        lambda: "Gaussians" in card(client) or client.counts["NotificationShowMessage"] > told, "an answer to a click"
    )
    soak.counts["selections"] += "Gaussians" in card(client)
    return "Gaussians" in card(client)


async def clicks(soak: Soak) -> None:
    """Select by 100 clicks."""
    async with opened(soak.port) as client:
        await page(soak, client)
        for _ in range(100):
            await selected(soak, client)
        soak.leave(client)


async def moves(soak: Soak) -> None:
    """Turn the camera 300 times."""
    async with opened(soak.port) as client:
        await page(soak, client)
        home = client.camera
        towards = np.subtract(home["position"], home["look_at"])
        for step in range(300):
            angle = 2.0 * math.pi * step / 300
            turned = np.array(
                [[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]]
            )
            place = np.asarray(home["look_at"]) + turned @ towards
            seen = {"look_at": home["look_at"], "up_direction": home["up_direction"], "fov": home["fov"]}
            seen["wxyz"] = looking(place, home["look_at"], home["up_direction"])
            await client.look(**seen, position=place.tolist(), image_width=640, image_height=360)
            soak.counts["moves"] += 1
            await asyncio.sleep(1 / 30)
        soak.leave(client)


async def visits(soak: Soak) -> None:
    """Come, click perhaps, begin an export perhaps, and vanish."""
    async with opened(soak.port) as client:
        await page(soak, client)
        if soak.random.random() < 0.5 and await selected(soak, client) and soak.random.random() < 0.2:
            await client.press("Objects", "Selection")
        soak.leave(client)
        client.socket.transport.abort()
    await asyncio.sleep(0.5)


async def films(soak: Soak) -> None:
    """Write a film of a second, or vanish while it is written."""
    async with opened(soak.port) as client:
        await page(soak, client)
        await client.set(await client.find(label="Seconds", kind="GuiSliderMessage"), value=1.0)
        await client.set(await client.find(label="Size"), value="854 x 480")
        home = client.camera
        for number, shift in enumerate((0.0, 0.1), start=1):
            place = [each + shift for each in home["position"]]
            seen = {name: home[name] for name in ("look_at", "up_direction", "fov")}
            seen["wxyz"] = looking(place, home["look_at"], home["up_direction"])
            await client.look(**seen, position=place, image_width=640, image_height=360)
            await client.command("Add a keyframe to the camera path")
            await client.until(lambda number=number: said(client, f"{number} keyframe"), "a keyframe")
        await client.press("Film", "Write video")
        soak.counts["films begun"] += 1
        if soak.counts["films begun"] % 2:
            await client.until(lambda: client.files or client.notes, "a film", 300.0)
            soak.counts["films"] += bool(client.files)
            soak.counts["films refused"] += bool(client.notes)  # others are still being written
        soak.leave(client)
    await asyncio.sleep(2.0)


async def exports(soak: Soak) -> None:
    """Write selection, rest and a screenshot."""
    async with opened(soak.port) as client:
        await page(soak, client)
        while not await selected(soak, client):
            pass
        formats = await client.find(label="Format")
        for group, button in (("Objects", "Selection"), ("Objects", "The rest"), ("Pictures", "Screenshot")):
            await client.set(formats, value=soak.random.choice([".ply", ".splat", ".glb"]))
            before = len(client.files), client.counts["NotificationShowMessage"]
            await client.press(group, button)
            await client.until(
                lambda before=before: (
                    len(client.files) > before[0] or client.counts["NotificationShowMessage"] > before[1]
                ),
                "a file",
            )
            soak.counts["exports"] += len(client.files) > before[0]
        soak.leave(client)
    await asyncio.sleep(2.0)


async def edits(soak: Soak) -> None:
    """Rename a segment and undo it, 20 times."""
    async with opened(soak.port) as client:
        await page(soak, client)
        for number in range(20):
            await client.say("choose:1")
            name = next(
                uuid
                for uuid, control in client.controls.items()
                if client.kinds[uuid] == "GuiTextMessage" and control.get("hint") == "Type a name and press Enter."
            )
            await client.set(name, value=f"thing {number}")
            await client.press("Change", "Rename")
            await client.press("Edits", "Undo edit")
            soak.counts["edits"] += 1
            await asyncio.sleep(0.5)
        soak.leave(client)


def small_run(folder: Path) -> Path:
    """A short fit of the demo capture: 9,000 Gaussians in 5 seconds."""
    capture = demo_capture()
    arguments = ["train", str(capture), "-o", str(folder), "--masks", str(capture / "masks")]
    assert splatseg([*arguments, "--downscale", "4", "--iterations", "120"]) == 0
    return folder


@contextlib.asynccontextmanager
async def server(run: Path, seed: int) -> Any:
    """Serve a run in a process of its own; what it says on the way is among the errors afterwards."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, "-P", "-c", START, "view", str(run), "--port", str(port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
        assert process.stdout is not None
        assert "is at http" in await asyncio.to_thread(process.stdout.readline), "the server did not start"
        soak = Soak(port, process.pid, run / "exports", random.Random(seed))
        try:
            yield soak
            if process.poll() is not None:
                soak.errors.append(f"the server ended by itself with {process.returncode}")
        finally:
            process.send_signal(2)
            process.wait(120)
            said.seek(0)
            lines = [line for line in said.read().splitlines() if line and not line.startswith(EXPECTED)]
            soak.errors += [f"the server said: {line}" for line in lines]


async def soaked(run: Path, minutes: float, seed: int = 0) -> dict[str, Any]:
    """Use a copy of a run for some minutes and return what was counted."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "run"
        shutil.copytree(run, copy)
        async with server(copy, seed) as soak:
            async with opened(soak.port) as client:
                await page(soak, client)
            start = await soak.quiet()
            warm = await soak.use(60.0 * minutes * WARM_UP)
            end = await soak.use(60.0 * minutes * (1.0 - WARM_UP))
        memory = {"start MB": start, "after warm-up MB": warm, "end MB": end, "peak MB": soak.peak}
        growth = {"growth %": 100.0 * (end / warm - 1.0)}
        rounded = {name: round(value, 1) for name, value in (memory | growth).items()}
        return {"minutes": minutes, **rounded, **soak.counts, "errors": soak.errors}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = given.run or small_run(Path(folder) / "run")
        found = asyncio.run(soaked(run, given.minutes, given.seed))
    for name, value in found.items():
        if name != "errors":
            print(f"{name:18}{value:>10,}")
    print(f"{'errors':18}{len(found['errors']):>10}", *found["errors"][:20], sep="\n    ")


if __name__ == "__main__":
    main()
