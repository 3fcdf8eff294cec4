"""The parts of the container that name adapters, one a module; imported by `container.py` alone.

A module is imported when the configuration names its adapters, so that nobody pays for the others.
"""
