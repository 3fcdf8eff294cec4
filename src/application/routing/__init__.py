"""Routing: of the targets a name stands for, which to try now, in which order, and why."""
