"""The form in which stores keep what the domain knows: the same bytes in every store."""
