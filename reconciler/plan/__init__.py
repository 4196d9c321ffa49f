"""What would be done and why: pure functions from (DesiredApp, LiveApp, proposal) to a Plan."""
