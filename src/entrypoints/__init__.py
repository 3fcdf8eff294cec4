"""The ways in: HTTP, the command line, and the container that wires the house."""
