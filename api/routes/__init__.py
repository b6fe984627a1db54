"""The service's addresses, one module per subject."""
