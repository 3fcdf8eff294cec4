"""Use cases and filters: they know the domain and the ports, and nothing outside."""
