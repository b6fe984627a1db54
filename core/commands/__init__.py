"""One module per command: `add_arguments` describes it, `run` does it and returns the exit code."""
