"""Passes: functions from programs to programs of the same meaning. ``pipeline`` runs them in order."""
