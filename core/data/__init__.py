"""From folders to manifests and training batches."""
