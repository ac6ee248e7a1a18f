"""A manifest is at most 64 KiB, since a refusal may carry one (trust.md, Signing): pure.

- First the report goes beside, where it stands as SHA-256 and size.
- Then what cases say in words is cut, the same for all: title and place to 200 characters, to 40, away; at
  last kind and matter.  Their ids stay, and the snapshot's version says where the words are.
- `...` at the end shows that there was more.
"""

from __future__ import annotations

from collections.abc import Sequence

from uplink.messages import Case, Manifest, Tag
from uplink.messages.manifest import MAX_MANIFEST_BYTES, Hold

# Tag and holds have 40 KiB, the rest of a manifest is below 16 KiB.  Each has a share of its own: nobody's
# marks and notes shall be why a recording cannot be held, or not get its case.
MAX_HOLDS_BYTES = 10 * 1024
MAX_TAG_BYTES = 30 * 1024
MAX_MARKS_BYTES = 16 * 1024
_CUTS = (200, 40, 0)


def fitted(manifest: Manifest) -> Manifest:
    """Return `manifest` so that it fits.  Raises ValueError if nothing helps."""
    if _fits(manifest):
        return manifest
    if manifest.report is not None and manifest.report.body is not None:
        outside = manifest.report.model_copy(update={"body": None})
        manifest = manifest.model_copy(update={"report": outside})
    for length in _CUTS:
        if _fits(manifest):
            return manifest
        manifest = _with_cases(manifest, [_shortened(case, length) for case in manifest.tag.cases])
    if not _fits(manifest):
        bare = [case.model_copy(update={"kind": None, "matter": None}) for case in manifest.tag.cases]
        manifest = _with_cases(manifest, bare)
    if not _fits(manifest):
        raise ValueError(f"the manifest of {manifest.recording} does not fit into {MAX_MANIFEST_BYTES} bytes")
    return manifest


def _fits(manifest: Manifest) -> bool:
    return len(manifest.to_bytes()) <= MAX_MANIFEST_BYTES


def _with_cases(manifest: Manifest, cases: list[Case]) -> Manifest:
    return manifest.model_copy(update={"tag": manifest.tag.model_copy(update={"cases": cases})})


def _shortened(case: Case, length: int) -> Case:
    return case.model_copy(update={"title": _cut(case.title, length), "place": _cut(case.place, length)})


def _cut(text: str | None, length: int) -> str | None:
    if text is None or len(text) <= length:
        return text
    return text[:length] + "..." if length else None


def room_for(tag: Tag, holds: Sequence[Hold]) -> bool:
    """Whether a manifest with these facts will always fit, whatever comes with it later (fitted above).

    People add marks, cases and holds without end; what would not fit is refused to them, so that a
    machine's revision never fails for it.
    """
    return room_for_tag(tag) and room_for_holds(holds)


def room_for_tag(tag: Tag) -> bool:
    """Whether the tag keeps to its share, and its marks to theirs."""
    bare = [_shortened(case, 0).model_copy(update={"kind": None, "matter": None}) for case in tag.cases]
    said = len(tag.model_copy(update={"cases": bare}).to_bytes())
    unmarked = len(tag.model_copy(update={"cases": bare, "marks": []}).to_bytes())
    return said <= MAX_TAG_BYTES and said - unmarked <= MAX_MARKS_BYTES


def room_for_holds(holds: Sequence[Hold]) -> bool:
    """Whether the holds keep to their share."""
    return sum(len(hold.to_bytes()) for hold in holds) <= MAX_HOLDS_BYTES
