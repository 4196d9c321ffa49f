"""The one orchestration: load, validate, observe, plan, guard, apply, report; whoever asks for it."""
