"""Declarative GitOps for DigitalOcean App Platform: plan, apply, watch, roll back."""

__version__ = "0.1.0"
