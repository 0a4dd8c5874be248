"""The photometric fit of a splat to photographs."""
