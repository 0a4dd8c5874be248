"""Pictures of a workspace: modes, colours, the mark of the selection."""
