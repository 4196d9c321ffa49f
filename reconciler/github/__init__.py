"""The GitHub Action: event context, inputs, comment, drift issue, outputs and summary."""
