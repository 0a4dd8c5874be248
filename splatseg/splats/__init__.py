"""The 3D model: Gaussians, their colours, their files, their pictures."""
