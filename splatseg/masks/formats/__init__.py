"""Readers of mask files: label maps, run lengths, polygons, COCO, arrays."""
