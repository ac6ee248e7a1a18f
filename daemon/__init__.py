"""The service: settings, store, pipeline, tagging, custody, control socket and the CLI."""
