"""Describes the segments of a run, so that words can find them: embeddings of crops, names from a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

from splatseg.errors import RunError
from splatseg.jobs.blocks.at_hand import splats_of_run
from splatseg.plain_text import short_name
from splatseg.render.label_maps import label_map
from splatseg.report.run_report import renew_names
from splatseg.run.folder import Run
from splatseg.run.hold import held, take_hold
from splatseg.run.reporter import NullReporter, Reporter, Summary, track_in_order
from splatseg.segments.segment import Segment
from splatseg.segments.segments_json import read_segments, write_segments
from splatseg.splats.made_of import GEOMETRY, made_of
from splatseg.words.crops import best_crops
from splatseg.words.described import describe, write_described
from splatseg.words.encoder import Encoder, load_encoder
from splatseg.words.query import Scale
from splatseg.words.vocabulary import common_words


def describe_run(
    run: Run,
    model: str | Encoder,
    vocabulary: Sequence[str] | None = None,
    rename: bool = False,
    reporter: Reporter | None = None,
) -> Summary:
    """Embed the segments of a run by the crops that show them best, write the embeddings, and return a summary.

    model: an encoder, or its folder or name, which is stored for later queries.
    vocabulary: words to name segments with and to compare queries with; None takes common words.
    rename: give segments without a name of their own the name that fits.

    Raises RunError if the run has no segments, none is seen in any view, or names are asked for and it is open
    elsewhere; WeightsError for a model that cannot be loaded.

    Example:
        >>> summary = splatseg.describe_run(spare, encoder, vocabulary=["mug", "book", "lamp"])
        >>> summary.splitlines()[-1].startswith("described")
        True
    """
    reporter = reporter or NullReporter()
    if rename:
        take_hold(run.path, "splatseg words").release()  # refused before the long work, not after it
    splats = splats_of_run(run)
    if splats.segment_ids is None:
        raise RunError(f"{run.path} has no segments to describe; run `splatseg segment {run.path} --masks DIR` first")
    encoder, weights = (load_encoder(model), model) if isinstance(model, str) else (model, "")
    with run.timed("words"):
        views = run.capture.split("train")
        crops = best_crops(
            track_in_order(
                reporter,
                "crops",
                lambda view: (view.image(), label_map(splats, view.camera)),
                views,
                splats.is_mapped,
            )
        )
        if not crops:
            raise RunError(
                f"no segment of {run.path} is seen in its views, so none can be described; look at report.html"
            )
        with reporter.stage("words", 1) as advance:
            described = describe(crops, splats.segment_ids.numpy(), encoder, vocabulary or common_words(), weights)
            advance(1)
        write_described(run.words_path, described, made_of(splats, GEOMETRY))
    names = Scale(described).names()
    renamed = 0
    if rename:
        with held(run.path, "splatseg words"):
            renamed = _rename(run, names)
    if renamed:
        renew_names(run, splats)
    rows = [f"segment {segment_id:<5} {short_name(name)}" for segment_id, name in sorted(names.items())]
    told = f"; {renamed} segments are renamed" if rename else ""
    text = "\n".join([*rows, f"described {len(described.ids)} segments; a name fits {len(names)} of them{told}"])
    return Summary(text, described=len(described.ids), names=names, renamed=renamed)


def _rename(run: Run, names: dict[int, str]) -> int:
    """Rename segments that are still named by their number; equal names get numbers. Return how many changed."""
    segments = read_segments(run.segments_path)
    used = {segment.name for segment in segments}
    renamed: list[Segment] = []
    count = 0
    for segment in segments:
        name = names.get(segment.id)
        if name is None or segment.name != f"segment {segment.id}":
            renamed.append(segment)
            continue
        numbered, number = name, 1
        while numbered in used:
            number += 1
            numbered = f"{name} {number}"
        used.add(numbered)
        renamed.append(segment.renamed(numbered))
        count += 1
    write_segments(run.segments_path, renamed)
    return count
