"""Plans, rollouts, findings and a fleet's state as pages: data in, one HTML string out. Pure."""
