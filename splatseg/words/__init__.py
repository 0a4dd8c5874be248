"""Words as prompts.

Segments in the embedding space of CLIP, detections in photographs, and a test whether words mean anything in the scene
at all.
"""
