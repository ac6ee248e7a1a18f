"""What people do to facts: tag, hold, release, resend, config, rescan, ping.  One module a verb.

The same handlers serve the control socket and MQTT commands (architecture.md, One way in for people).
"""
