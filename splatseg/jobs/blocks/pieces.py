"""The splat of a run while it is segmented: in one piece, in memory, or in blocks, in files.

What differs is how votes are collected and how files of the size of the splat are written; what is written does not.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from splatseg.borders.superpixels import Borders, Superpixels
from splatseg.capture.view import View, one_a_photograph
from splatseg.cluster.cluster import Clusters, cluster_rows, cluster_splats, positions_of
from splatseg.engine.protocol import Engine
from splatseg.errors import RunError
from splatseg.features.lift.embed import embed_votes, voted_features
from splatseg.features.rows import FeatureRows, Unit
from splatseg.formats.parts.blocks import FileBlocks
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.parts.pick import colors_of_blocks, features_of_blocks, ids_of_blocks
from splatseg.formats.parts.rows import PlyRows
from splatseg.formats.parts.writing import write_blocks
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.ply.writing import Layout
from splatseg.jobs.blocks.label_map import OPENED, LabelMapOfView, write_ids
from splatseg.masks.sources import MaskSources
from splatseg.progress import Progress
from splatseg.render.label_maps import label_map, write_label_map
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter, track_in_order
from splatseg.run.settings import RunSettings
from splatseg.splats.blocks import each_block
from splatseg.splats.made_of import FEATURES, GEOMETRY, SEGMENTS, digest_of_features, made_of, sampled_rows
from splatseg.splats.mapped.geometry import MappedSplats, open_geometry, write_geometry
from splatseg.splats.splats import Splats
from splatseg.tensors import rewrite_facts
from splatseg.votes.agreement import Agreement
from splatseg.votes.blocks.collect import collect_in_blocks
from splatseg.votes.blocks.work import Opener, VoteOfView
from splatseg.votes.file import FORMAT as VOTES
from splatseg.votes.file import facts_of, map_votes, write_votes
from splatseg.votes.votes import Votes, collect_votes

NOT_KNOWN = "0" * 32
"""Digest of features that are not made yet, in a file whose head is written again."""


class Pieces(Protocol):
    """The splat of a run that is segmented."""

    @property
    def splats(self) -> Splats:
        """The splat as it was, with features and segment ids; in blocks geometry and features are mapped."""
        ...

    def collect(self, run: Run, reporter: Reporter) -> Votes:
        """Collect the votes of the masks of the training views. Raises MaskError as `collect_votes`."""
        ...

    def embed(self, run: Run, splats: Splats, votes: Votes) -> Splats:
        """Return the splat with the features of its votes; in blocks they are made whenever they are needed."""
        ...

    def digests(self, splats: Splats) -> dict[str, str]:
        """Return the digests of geometry and features (`splats.made_of`)."""
        ...

    def borders(self, run: Run, superpixels: Superpixels) -> Borders:
        """Collect the votes of the superpixels of the training views. Raises MaskError for damaged files."""
        ...

    def cluster(
        self,
        run: Run,
        splats: Splats,
        votes: Votes | None,
        agreement: Agreement | None,
        borders: Borders | None = None,
    ) -> Clusters:
        """Return the segments of the splat by its features, and by borders where they are known."""
        ...

    def write_votes(self, path: Path, votes: Votes, made_of: Mapping[str, str]) -> None:
        """Write the votes that `collect` returned."""
        ...

    def write_label_maps(self, run: Run, folder: Path, splats: Splats, reporter: Reporter) -> None:
        """Write the label map of every photograph into a folder."""
        ...

    def write_splats(self, path: Path, splats: Splats) -> None:
        """Write the splat with features and segment ids."""
        ...

    def shown(self, run: Run, splats: Splats) -> Splats:
        """Return the splat with colours, features and ids, as it is now in the run, to draw pictures of it."""
        ...


@dataclass(frozen=True, eq=False)
class OnePiece:
    """A splat in memory."""

    splats: Splats
    """The splat."""

    def collect(self, run: Run, reporter: Reporter) -> Votes:
        """See `Pieces`."""
        views = run.capture.split("train")
        with reporter.stage("votes", len(views)) as advance:
            return collect_votes(self.splats, views, run.masks(), lambda done, total: advance(done))

    def embed(self, run: Run, splats: Splats, votes: Votes) -> Splats:
        """See `Pieces`."""
        return splats.replace(features=torch.from_numpy(embed_votes(votes, run.settings.embed, splats.positions)))

    def digests(self, splats: Splats) -> dict[str, str]:
        """See `Pieces`."""
        return made_of(splats, GEOMETRY, FEATURES)

    def borders(self, run: Run, superpixels: Superpixels) -> Borders:
        """See `Pieces`."""
        return Borders(collect_votes(self.splats, run.capture.split("train"), superpixels), superpixels)

    def cluster(
        self,
        run: Run,
        splats: Splats,
        votes: Votes | None,
        agreement: Agreement | None,
        borders: Borders | None = None,
    ) -> Clusters:
        """See `Pieces`."""
        return cluster_splats(splats, run.settings.cluster, votes, agreement, borders)

    def write_votes(self, path: Path, votes: Votes, made_of: Mapping[str, str]) -> None:
        """See `Pieces`."""
        write_votes(path, votes, made_of)

    def write_label_maps(self, run: Run, folder: Path, splats: Splats, reporter: Reporter) -> None:
        """See `Pieces`."""
        digests = made_of(splats, GEOMETRY, SEGMENTS)

        def write(view: View) -> None:
            write_label_map(folder / view.png_name, label_map(splats, view.seen_by), digests)

        for _ in track_in_order(reporter, "label maps", write, one_a_photograph(run.capture.views)):
            pass

    def write_splats(self, path: Path, splats: Splats) -> None:
        """See `Pieces`."""
        write_ply(path, splats, own=False)

    def shown(self, run: Run, splats: Splats) -> Splats:
        """See `Pieces`."""
        del run
        return splats


@dataclass(eq=False)
class InBlocks:
    """A splat in files."""

    splats: MappedSplats
    """Geometry and features, mapped; grey; segment ids are in memory."""
    blocks: FileBlocks
    """The run's splats.ply, as it was."""
    folder: Path
    """Folder of files that a segmentation which is interrupted goes on from."""
    engine: Engine
    """The engine that works on views."""
    features: FeatureRows | None = None
    """Features that are made of the votes; None while they are not, or those of the file are kept."""
    extents: tuple[np.ndarray, np.ndarray] | None = None
    """Means (N,3) and reaches (N,), in scratch memory."""

    def collect(self, run: Run, reporter: Reporter) -> Votes:
        """See `Pieces`. Views that an earlier attempt is done with are not done again."""
        opener = partial(opened_views, run.path.absolute(), run.settings)
        with reporter.stage("votes", len(run.capture.split("train"))) as advance:
            self._collect(opener, run, self.votes, lambda done, total: advance(done))
        return map_votes(self.votes)

    def embed(self, run: Run, splats: Splats, votes: Votes) -> Splats:
        """See `Pieces`. The splat stays without features."""
        self.extents = positions_of(self.blocks)
        self.features = voted_features(votes, run.settings.embed, self.extents[0])
        return splats

    def digests(self, splats: Splats) -> dict[str, str]:
        """See `Pieces`."""
        if self.features is None:
            return made_of(splats, GEOMETRY, FEATURES)
        sample = self.features.picked(sampled_rows(len(splats)))
        return made_of(splats, GEOMETRY) | {FEATURES: digest_of_features(len(splats), sample)}

    def borders(self, run: Run, superpixels: Superpixels) -> Borders:
        """See `Pieces`. The votes lie in a file; 8 bytes a Gaussian and view are in memory while they are looked at."""
        path = self.folder / "superpixels.safetensors"
        self._collect(partial(opened_superpixels, run.path.absolute(), run.settings, superpixels), run, path)
        return Borders(map_votes(path), superpixels)

    def cluster(
        self,
        run: Run,
        splats: Splats,
        votes: Votes | None,
        agreement: Agreement | None,
        borders: Borders | None = None,
    ) -> Clusters:
        """See `Pieces`."""
        if self.features is None or self.extents is None:
            return cluster_splats(splats, run.settings.cluster, votes, agreement, borders)
        features = Unit(self.features)
        return cluster_rows(*self.extents, features, run.settings.cluster, votes, agreement, cached=0, borders=borders)

    def write_votes(self, path: Path, votes: Votes, made_of: Mapping[str, str]) -> None:
        """See `Pieces`. The file is moved."""
        if not self.votes.exists():  # they are those of an earlier attempt, and in the run already
            write_votes(path, votes, made_of)
            return
        rewrite_facts(self.votes, VOTES, facts_of(votes, made_of), spaced=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.votes.replace(path)

    def write_label_maps(self, run: Run, folder: Path, splats: Splats, reporter: Reporter) -> None:
        """See `Pieces`."""
        assert splats.segment_ids is not None
        write_ids(self.folder / "ids.safetensors", splats.segment_ids.numpy())
        digests = tuple(made_of(splats, GEOMETRY, SEGMENTS).items())
        work = LabelMapOfView(
            run.path.absolute(), run.settings, self.geometry, self.folder / "ids.safetensors", folder, digests
        )
        items = [(index, view.png_name) for index, view in enumerate(one_a_photograph(run.capture.views))]
        try:
            with reporter.stage("label maps", len(items)) as advance, closing(self.engine.map(work, items)) as finished:  # type: ignore[type-var]
                for count, done in enumerate(finished, start=1):
                    if done.error is not None:
                        raise RunError(done.error)
                    advance(count)
        finally:
            OPENED.close()

    def write_splats(self, path: Path, splats: Splats) -> None:
        """See `Pieces`. One block is in memory."""
        write_splats_in_blocks(path, self.blocks, splats, self.features)

    def shown(self, run: Run, splats: Splats) -> Splats:
        """See `Pieces`. The file is another by now."""
        blocks = open_blocks(run.splats_path)
        features = features_of_blocks(blocks)
        with_features = splats.replace(features=None if features is None else torch.from_numpy(features))
        return colored(with_features, blocks)

    def _collect(self, opener: Opener, run: Run, path: Path, progress: Progress | None = None) -> None:
        """Collect the votes of masks that an opener opens, for the training views, into a file."""
        digests = made_of(self.splats, GEOMETRY)
        views = self.folder / ("views" if path == self.votes else f"{path.stem}_views")
        work = VoteOfView(opener, self.geometry, digests[GEOMETRY], views)
        names = [view.name for view in run.capture.split("train")]
        collect_in_blocks(work, names, len(self.splats), path, self.engine, digests | {FEATURES: NOT_KNOWN}, progress)

    @property
    def geometry(self) -> Path:
        """File of the geometry."""
        return self.folder / "geometry.safetensors"

    @property
    def votes(self) -> Path:
        """File of the votes before they are moved into the run."""
        return self.folder / "votes.safetensors"


def opened_views(path: Path, settings: RunSettings) -> tuple[Sequence[View], MaskSources]:
    """Return the training views of a run and their masks, in whatever process."""
    run = Run(path, settings)
    return run.capture.split("train"), run.masks()


def opened_superpixels(
    path: Path, settings: RunSettings, superpixels: Superpixels
) -> tuple[Sequence[View], Superpixels]:
    """Return the training views of a run and their superpixels, in whatever process."""
    return Run(path, settings).capture.split("train"), superpixels


def write_splats_in_blocks(path: Path, blocks: FileBlocks, splats: Splats, features: FeatureRows | None) -> None:
    """Write a splat in blocks with features (N,F), or those that it has, and with the ids of `splats`."""

    def pieces() -> Iterator[Splats]:
        for number, piece in enumerate(each_block(blocks)):
            rows = slice(int(blocks.borders[number]), int(blocks.borders[number + 1]))
            made = piece.features if features is None else torch.from_numpy(features.rows(rows.start, rows.stop))
            ids = None if splats.segment_ids is None else splats.segment_ids[rows]
            yield piece.replace(features=made, segment_ids=ids)

    write_blocks(path, pieces(), len(blocks), Layout(own=False))


def colored(splats: Splats, blocks: FileBlocks) -> Splats:
    """Return a mapped splat with the colours of its file, which are copied into scratch memory."""
    sh0, others = colors_of_blocks(blocks)
    return dataclasses.replace(splats, sh0=torch.from_numpy(sh0), shN=torch.from_numpy(others))


@contextmanager
def pieces_of(run: Run, engine: Engine) -> Iterator[Pieces]:
    """Open the splat of a run in as many blocks as its settings say; what was begun is kept if the block raises.

    Raises RunError if the run has no splat yet, or one that cannot be read in blocks.
    """
    in_one = run.settings.blocks == 1
    yield OnePiece(run.splats()) if in_one else open_in_blocks(run, engine, run.blocks_path.absolute())
    # Of an interrupted attempt in blocks, too, that was repeated in one piece.
    shutil.rmtree(run.blocks_path, ignore_errors=True)


def open_in_blocks(run: Run, engine: Engine, folder: Path) -> InBlocks:
    """Open the splat of a run in blocks: write its geometry for workers, and map it. Raises RunError if it has none."""
    if not run.splats_path.exists():
        run.splats()  # which says what to do
    blocks = open_blocks(run.splats_path, -(-PlyRows(run.splats_path).count // run.settings.blocks))
    write_geometry(folder / "geometry.safetensors", each_block(blocks, "geometry"), len(blocks))
    splats = open_geometry(folder / "geometry.safetensors", blocks.coordinates)
    ids, features = ids_of_blocks(blocks), features_of_blocks(blocks)
    mapped = dataclasses.replace(
        splats,
        antialiased=blocks.antialiased,
        features=None if features is None else torch.from_numpy(features),
        segment_ids=None if ids is None else torch.from_numpy(ids),
    )
    return InBlocks(mapped, blocks, folder, engine)
