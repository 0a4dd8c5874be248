"""3D segmentation for Gaussian splats, on any machine. __init__.pyi lists the public names; all others may change.

A name is imported when it is first used, so that `import splatseg` costs nothing and a script that only reads a file
does not load the modules of training.
"""

import lazy_loader

import splatseg.machine.threads  # noqa: F401 (before torch, or it has no effect)

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
