"""From a tree at hand to the text of a profile: what `bodydock profile new` prints."""

from __future__ import annotations

from dock.card_tree import NoTree, Tree
from dock.draft_text import draft_text, profile_name
from dock.drafting import draft
from dock.profiles import Profiles


def new_profile(tree: Tree, name: str, shipped: Profiles) -> str:
    """Return a drafted profile as TOML, valid as it stands; `name`: what it is to be called, or nearly so.

    Raises NoTree: there are no files in it.
    """
    if not tree.files:
        raise NoTree(f"{tree.name} holds no files: a draft needs the tree of a camera that has recorded")
    called = profile_name(name)
    if shipped.find(called) is not None:
        called = f"{called[:28]}-own"
    return draft_text(called, tree, draft(tree, shipped.generic), shipped)
