"""Figures: what things cost, as ratios and as numbers of one run."""
