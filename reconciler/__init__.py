"""Declarative GitOps for DigitalOcean App Platform: plan, apply, watch, roll back."""

__version__ = "1.0.0"

REPOSITORY = "https://github.com/OWNER/reconciler"
"""Where the project is published. Replace OWNER (`git grep OWNER`) before you publish; a release checks it."""
