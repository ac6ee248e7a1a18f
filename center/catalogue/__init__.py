"""The catalogue: one SQLite file, short functions over it, one module a noun.

Every function takes the connection; those that write are called within `database.writing`.
"""
