"""Poses for photographs that have none, or for a video: structure from motion by pycolmap, in a process of its own."""
