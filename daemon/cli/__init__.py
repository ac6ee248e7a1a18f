"""One module per verb of `bodydock`."""
