"""The hardware side: slots, detection, profiles, mounting, listing, pulling."""
