"""The simulated platform: its state, its rules and its answers; independent of HTTP."""
