"""Votes of a splat that is too large for memory: view by view on any worker, then put together block by block."""
