"""Pictures of a workspace."""
