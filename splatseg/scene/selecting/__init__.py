"""What scenes and selections are made of: regions to select by, prompts as they were asked, pictures of members."""
