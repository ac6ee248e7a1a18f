"""The stages that move recordings: each claims its oldest rows, does idempotent work, commits."""
