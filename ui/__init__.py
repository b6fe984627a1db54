"""What the pages share: the shell, caches, error boxes and pieces of screens."""
