"""The footage side: probe, timeline, continuity, notice, report."""
