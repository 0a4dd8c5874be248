"""A command line with a mistake, for each command: what tests of all commands go through."""

MISTAKES = {
    "demo": ["-o", "{file}"],
    "masks": ["{nowhere}", "-o", "{new}"],
    "train": ["{nowhere}", "-o", "{new}"],
    "segment": ["{nowhere}"],
    "refine": ["{nowhere}", "-o", "{new}"],
    "words": ["{nowhere}", "--model", "{nowhere}"],
    "select": ["{nowhere}", "-o", "{new}"],
    "render": ["{nowhere}", "-o", "{new}", "--what", "rgb"],
    "evaluate": ["{nowhere}", "--gt", "{nowhere}"],
    "report": ["{nowhere}"],
    "clean": ["{nowhere}", "-o", "{new}"],
    "export": ["{nowhere}", "-o", "{new}"],
    "view": ["{nowhere}"],
    "batch": ["{nowhere}", "-o", "{new}"],
    "info": ["{nowhere}"],
    "check": ["{nowhere}"],
    "capture": ["{nowhere}", "-o", "{new}"],
}
"""Every command, with a path that is wrong."""
