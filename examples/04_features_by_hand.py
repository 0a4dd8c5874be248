"""What `--method lift` does, step by step: votes of the masks, their spectral embedding, clusters."""

import torch

import splatseg

folder = splatseg.demo_capture()
capture = splatseg.load_capture(folder, downscale=2)
masks = splatseg.open_masks(folder / "masks", capture.views)
splats = splatseg.fit_splats(capture, splatseg.TrainSettings().scaled(300))
print(f"{splats!r} fitted from {len(capture.points)} points")

votes = splatseg.collect_votes(splats, capture.split("train"), masks)
print(f"M has {votes.weights.shape[0]} Gaussians x {votes.weights.shape[1]} masks, {votes.weights.nnz} votes")

features = splatseg.embed_votes(votes, means=splats.means.numpy())
clusters = splatseg.cluster_splats(splats.replace(features=torch.from_numpy(features)), votes=votes)
print(f"{len(clusters.counts)} segments; {(clusters.ids > 0).mean():.0%} of the Gaussians have one")
