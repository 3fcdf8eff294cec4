"""The process above the workers: it holds the port, starts, replaces and ends them.

Standard library alone, and none of the rest of modelmux: it is small, starts at once, and has next
to nothing that could fail. Only `modelmux serve` starts it.
"""
