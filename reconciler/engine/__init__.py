"""The one orchestration for every front end: load, validate, observe, plan, guard, apply, report."""
