"""The whole corpus, and its short part; `python -m tests.corpus.corpus [--short] [--workers N]` makes it."""

import argparse
from collections import Counter

from tests.corpus import (
    list_clean,
    list_continuity,
    list_files,
    list_notice,
    list_origin,
    list_picture_sound,
    list_shifts,
    list_shifts_clean,
)
from tests.corpus.items import Item
from tests.corpus.store import corpus_root, size_bytes, timed_make


def all_items() -> list[Item]:
    """Every item; raises ValueError where two share an id or begin at one time."""
    items: list[Item] = [
        *list_clean.items(),
        *list_continuity.items(),
        *list_picture_sound.items(),
        *list_origin.items(),
        *list_notice.items(),
        *list_files.items(),
        *list_shifts_clean.items(),
        *list_shifts.items(),
    ]
    twice = [item_id for item_id, count in Counter(item.id for item in items).items() if count > 1]
    if twice:
        raise ValueError(f"ids used twice: {twice}")
    return items


def short_items() -> list[Item]:
    return [item for item in all_items() if item.short]


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the corpus (what is there already is kept).")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    made, seconds = timed_make(short_items() if given.short else all_items(), corpus_root(), given.workers)
    for one in made:
        if one.skipped is not None:
            print(f"skipped {one.item.id}: {one.skipped}")
    there = [one for one in made if one.skipped is None]
    files = sum(one.label.kind == "file" for one in there)
    print(
        f"{files} files, {len(there) - files} shifts, {size_bytes(made) / 1e6:.0f} MB "
        f"in {seconds:.0f} s: {corpus_root()}"
    )


if __name__ == "__main__":
    main()
