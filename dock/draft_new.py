"""From a tree at hand to the text of a profile: what `bodydock profile new` prints."""

from __future__ import annotations

from dataclasses import replace

from dock.card_tree import NoTree, Tree
from dock.draft_text import draft_text, profile_name
from dock.drafting import draft
from dock.errors import ProfileError
from dock.profiles import Profiles


def new_profile(tree: Tree, name: str, shipped: Profiles, officer: str = "", serial: str = "") -> str:
    """Return a drafted profile as TOML, valid as it stands; `name`: what it is to be called, or nearly so.

    `officer` and `serial`: which of the ids is whose, where a person has said it.  Raises NoTree: there are
    no files in it; ProfileError: the draft has no such id.
    """
    if not tree.files:
        raise NoTree(f"{tree.name} holds no files: a draft needs the tree of a camera that has recorded")
    called = profile_name(name)
    if shipped.find(called) is not None:
        called = f"{called[:28]}-own"
    found = draft(tree, shipped.generic)
    ids = sorted({name for pattern in found.patterns for name in pattern.ids})
    for key, value in (("officer", officer), ("serial", serial)):
        if value and value not in ids:
            raise ProfileError(
                "(draft)", key, value, f"must be one of {', '.join(ids)}" if ids else "no id is here"
            )
    return draft_text(called, tree, replace(found, officer=officer, serial=serial), shipped)
