"""Where this dock stands: restored, copied, on another board; and what a platform that forgot is told.

Pure rules in `heads`, `line`, `uniting` and `board`; `chain` and `history` commit what they decide.
"""
