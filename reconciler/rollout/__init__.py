"""From a Plan to an Outcome; the only package that writes to App Platform."""
