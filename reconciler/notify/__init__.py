"""Messages about what a run did or found: what they say (pure), and sending them, which changes no outcome."""
