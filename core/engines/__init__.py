"""Scoring archives: what one process and a cluster do alike, and what a cluster needs on top."""
