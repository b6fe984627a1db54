"""Many files through one model: reading, asking, scoring and exporting, without any screen."""
