"""The REST service: HTTP around `core`, and nothing that `core` could do itself."""
