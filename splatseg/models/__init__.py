"""Pretrained networks: loading them, and batches that fit the memory. Masks and words both stand on it."""
