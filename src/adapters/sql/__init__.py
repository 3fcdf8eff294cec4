"""Stores on SQLAlchemy."""
