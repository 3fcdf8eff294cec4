"""The laws of each port, as abstract test classes."""
