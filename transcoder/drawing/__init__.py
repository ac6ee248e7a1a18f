"""Pictures of an inspection for people and case files: a timeline, and contact sheets (docs/pictures.md).

Data flows one way: a report says what is worth drawing (`chart`, `moments`), a child process takes levels and
frames from the files (`asking`, `sampler`), pages are laid out as SVG (`timeline`, `sheets`) and written
(`pictures`).
"""
