"""From bytes to a standardised slice; knows nothing of TensorFlow."""
