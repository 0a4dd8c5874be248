"""Splat files: one module a format, `read` and `write` choose it by the suffix."""
