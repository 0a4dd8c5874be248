"""The rasteriser as kernels of NVIDIA Warp: on a card, and, the same kernels, on the processor for tests."""
