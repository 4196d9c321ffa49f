"""At home in GitHub: the event's context, inputs, comment, drift issue, outputs and summary of an action's run."""
