"""The reference adapter of each port, which the tests' fakes are."""
