"""Words as prompts: what segments look like in the language of CLIP, what detectors find in photographs, and whether
words mean anything in the scene at all.
"""
