"""Batches: one job on many scenes, on the workers of an engine, in a folder that tells how far it is."""
