"""The jobs on a run folder: one verb per file, named like its command."""
