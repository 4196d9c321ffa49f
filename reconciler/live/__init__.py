"""What App Platform has: the only door to it."""
