"""Scores, intervals, calibration and the report that every screen reads. NumPy only."""
