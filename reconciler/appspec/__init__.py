"""The platform's language: what an app spec is; the one place that knows its fields."""
