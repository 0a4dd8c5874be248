"""Figures of a report in plain words, for readers who do not know their names."""

from __future__ import annotations

EXPLAINED = {
    "Gaussians": "soft spots of colour that the scene is made of",
    "segments": "objects and parts that were found",
    "PSNR held out": "how close pictures come to photographs that the fit did not see; 30 dB is good",
    "SSIM held out": "the same for structure; 1 is equal",
    "PSNR, colours fitted": "without differences of exposure",
    "mIoU": "overlap of objects with the truth; 1 is equal",
    "mBIoU": "the same along their edges",
    "ARI": "agreement of all segments with the truth; 1 is equal",
    "time": "for all steps",
}
"""Explanations of the headline figures, by their names."""

LIKENESS = (
    (30.0, "look like the photographs"),
    (25.0, "come close to the photographs, with less fine detail"),
    (20.0, "show the scene, but blurred or wrong in places"),
    (float("-inf"), "differ clearly from the photographs"),
)
"""Looks of pictures by the least mean PSNR of held-out views, dB [the usual reading of the
figure; looked at in runs of demo at 34 dB and of a kitchen at 18 dB]."""


def in_plain_words(psnr: float | None, held_out: int, segments: int | None, noisy: int, miou: float | None) -> str:
    """Return a run in a sentence or two.

    psnr: mean over the held-out views, dB; None if there are none. miou: accuracy of prompted objects, if measured.
    """
    if psnr is None:
        told = ["No view was held out, so nothing tells how pictures from new places look."]
    else:
        likeness = next(words for least, words in LIKENESS if psnr >= least)
        views = "1 view" if held_out == 1 else f"{held_out} views"
        told = [f"Pictures from new places {likeness} ({psnr:.1f} dB on {views} that the fit did not see)."]
    if segments is not None:
        told.append(
            f"{segments:,} {'segment was' if segments == 1 else 'segments were'} found"
            + (f", {noisy:,} of them noisy." if noisy else ", none of them noisy.")
        )
    if miou is not None:
        told.append(f"Objects prompted in one view overlap the truth in the others by {miou:.0%}.")
    return " ".join(told)
