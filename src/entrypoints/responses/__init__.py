"""The Responses dialect, as clients speak it to us."""
