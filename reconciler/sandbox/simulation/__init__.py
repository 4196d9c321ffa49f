"""The simulated platform: its state, its rules and what it answers; knows nothing of HTTP."""
