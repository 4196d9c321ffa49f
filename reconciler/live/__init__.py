"""What App Platform has. The only package that talks to it."""
