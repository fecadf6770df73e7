"""Values without I/O: what everything else is said in."""
