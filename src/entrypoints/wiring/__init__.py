"""The parts of the container, one a module; imported by `container.py` alone.

A module that names adapters of somebody's choice is imported when the configuration names them, so
that nobody pays for the others.
"""
