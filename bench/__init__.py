"""Measures what modelmux costs: `make bench`."""
