"""The configuration: what it may say, where it is read from, and what is wrong with it."""
