"""Parts of scenes and selections: regions to select by, prompts as they were asked, pictures of members."""
