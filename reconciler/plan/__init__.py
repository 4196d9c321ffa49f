"""Plans what to do and why: pure functions from (DesiredApp, LiveApp, proposal) to a Plan."""
