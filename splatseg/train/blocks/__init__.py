"""The photometric fit in blocks, for captures too large for one fit."""
