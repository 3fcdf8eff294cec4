"""The routes of what is kept: responses and conversations."""
