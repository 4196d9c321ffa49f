"""Rules that a schema cannot express, one module per topic."""
