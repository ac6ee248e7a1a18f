"""From a device in a slot to committed rows: one thread a slot, one docking at a time."""
