"""What `--method lift` does, step by step: votes of the masks, their spectral embedding, clusters."""

import torch

import splatseg
from splatseg.demo.demo import demo_capture
from splatseg.splats.initialise import from_points

folder = demo_capture()
capture = splatseg.load_capture(folder, downscale=2)
masks = splatseg.open_masks(folder / "masks", capture.views)
splats = splatseg.fit(capture, splatseg.TrainSettings().scaled(300))
assert len(splats) >= len(from_points(capture.points, capture.point_colors)) // 2

votes = splatseg.collect_votes(splats, capture.split("train"), masks)
print(f"M has {votes.weights.shape[0]} Gaussians x {votes.weights.shape[1]} masks, {votes.weights.nnz} votes")

features = splatseg.fill_unseen(splatseg.embed(votes), splats.means.numpy())
agreement = splatseg.Agreement(votes)
clusters = splatseg.cluster_splats(splats.replace(features=torch.from_numpy(features)), agreement=agreement)
print(f"{len(clusters.counts)} segments; {(clusters.ids > 0).mean():.0%} of the Gaussians have one")
