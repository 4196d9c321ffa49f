"""Pure renderers: plans, outcomes and findings as text, markdown, JSON, annotations."""
