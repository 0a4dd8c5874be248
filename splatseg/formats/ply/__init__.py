"""The .ply of 3D Gaussian Splatting, with every property kept."""
