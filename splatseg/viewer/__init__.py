"""Looking at a scene, selecting in it and naming what is there: what a page in the browser stands on.

The engine (`Scene`, `Workspace`, `picture`, ...) knows of no browser and no server, and works without either.
"""
