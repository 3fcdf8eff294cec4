"""What languages whose calls hold objects have in common."""
