"""What the sandbox serves to people and probes: the status page, the apps, logs and consoles."""
