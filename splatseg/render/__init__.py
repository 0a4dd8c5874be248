"""Pictures of a scene: colours, label maps, masks, overlays."""
