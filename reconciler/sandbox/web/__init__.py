"""What the sandbox serves to people and probes: the page, the apps, logs and consoles."""
