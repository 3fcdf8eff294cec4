"""The golden matrix: the same requests in every dialect, to every language and every provider."""
