"""When two names are one person's, to an eye that compares them (trust.md, Weakening takes two).  Pure.

- Letter case, width, composition and the number of blanks tell nobody apart.
- Letters of alphabets that look alike are not mixed within a name: Cyrillic and Greek beside Latin.
"""

from __future__ import annotations

import unicodedata

_ALIKE = ("LATIN", "CYRILLIC", "GREEK")


def same_eyes(person: str) -> str:
    """Return what stays of a name when everything is left out that an eye may overlook."""
    return " ".join(unicodedata.normalize("NFKC", person).casefold().split())


def mixes_alphabets(person: str) -> bool:
    """Whether letters of alphabets that look alike stand beside each other."""
    scripts = {unicodedata.name(c, "").split(" ")[0] for c in person if c.isalpha()}
    return len(scripts & set(_ALIKE)) > 1


def distinct(persons: list[str] | tuple[str, ...]) -> int:
    """Return how many persons these names are at least."""
    return len({same_eyes(person) for person in persons})
