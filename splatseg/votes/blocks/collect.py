"""Votes of a huge splat, collected by an engine: a map over the views, and an exact reduction.

    map      each view on some worker: the Gaussians that it sees -> a file of its votes     (`work`, `view_file`)
    reduce   here: block after block of rows from all files -> the file of votes             (`reduce`)

The same bytes as `votes.collect_votes` and `votes.file.write_votes` give, for any number of workers, in any order,
after a worker was lost, and when what was interrupted is begun again, which takes the files that are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from splatseg.engine.protocol import Engine
from splatseg.errors import MaskError
from splatseg.progress import Progress
from splatseg.votes.blocks.reduce import reduce_views
from splatseg.votes.blocks.view_file import ViewVotes
from splatseg.votes.blocks.work import OPENED, VoteOfView


def collect_in_blocks(
    work: VoteOfView,
    names: Sequence[str],
    gaussians: int,
    path: Path,
    engine: Engine,
    made_of: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> None:
    """Collect the votes of views by name and write the file of votes, atomically.

    names: of the views that `work.opener` opens, in their order. gaussians: N. progress(done, total): called after
    every view, and once more when all is written. Files of the views stay in `work.folder`; any that these votes are
    not made of are removed before.

    Raises MaskError as `collect_votes` does, and with the sentence of a view that failed on its worker.
    """
    found: dict[int, ViewVotes] = {}
    try:
        with closing(engine.map(work, list(enumerate(names)))) as finished:  # type: ignore[type-var]
            for done in finished:
                if done.result is None:
                    raise MaskError(done.error or f"the votes of the view '{names[done.index]}' failed")
                found[done.index] = done.result
                if progress is not None:
                    progress(len(found), len(names))
    finally:
        OPENED.close()
    views = [(name, found[index]) for index, name in enumerate(names)]
    kept = {view.name for _, view in views}
    for other in work.folder.glob("*.safetensors"):
        if other.name not in kept:
            other.unlink(missing_ok=True)
    reduce_views(work.folder, views, gaussians, path, made_of)
