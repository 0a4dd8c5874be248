"""Cleaning: Gaussians that no surface holds are found and told apart by reasons; nothing is changed here."""
