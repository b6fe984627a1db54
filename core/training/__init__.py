"""Training runs: configuration, batches, trainer and published results."""
