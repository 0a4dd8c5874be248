"""The 3D model: Gaussians and their colours."""
