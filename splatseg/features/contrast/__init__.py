"""Features by contrastive training on frozen geometry: 16 channels."""
