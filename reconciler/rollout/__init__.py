"""From a Plan to an Outcome; the only room that writes to App Platform."""
