"""Words as prompts.

What segments look like in the language of CLIP, what detectors find in photographs, and whether words mean anything in
the scene at all.
"""
