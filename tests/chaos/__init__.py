"""What modelmux keeps to while everything around it fails.

`make chaos` runs these tests with many calls; the ordinary run takes few (`scale`).
"""
