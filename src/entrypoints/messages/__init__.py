"""The Messages dialect, as clients speak it to us."""
