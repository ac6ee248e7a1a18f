"""Looks into files that a profile leaves out and that are too large for what their names say.

- Their first bytes decide; what cannot be read is taken as an attachment, so that its reading fails by the
  name of *unreadable*, and not unnoticed.
- A card full of them does not hold up the others: beyond a limit they are taken unseen.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from dock.errors import CameraGone, DockError
from dock.listing import CardFile, Scan, suspects
from dock.magic import HEAD_BYTES, media_kind
from dock.profiles import CameraProfile, MediaKind
from dock.reader import read_exactly
from dock.source import CardSource

_LOG = logging.getLogger(__name__)
_LOOKED_INTO = 1000


def look_into(
    sources: Sequence[CardSource | None], scans: Sequence[Scan | None], profile: CameraProfile
) -> list[Mapping[bytes, MediaKind]]:
    """Return for each volume, by raw path, what is to be pulled against its name.  Raises CameraGone."""
    return [
        {} if source is None or scan is None else _of_volume(source, suspects(scan, profile))
        for source, scan in zip(sources, scans, strict=True)
    ]


def _of_volume(source: CardSource, files: Sequence[CardFile]) -> dict[bytes, MediaKind]:
    found: dict[bytes, MediaKind] = {}
    for number, file in enumerate(files):
        kind = _kind(source, file) if number < _LOOKED_INTO else "attachment"
        if kind is not None:
            found[file.path] = kind
            _LOG.warning(
                "%s is no thumbnail or rubbish, as its name says: taken (%s)", file.display_name, kind
            )
    return found


def _kind(source: CardSource, file: CardFile) -> MediaKind | None:
    try:
        reader = source.open(file)
        try:
            return media_kind(read_exactly(reader, 0, HEAD_BYTES))
        finally:
            reader.close()
    except CameraGone:
        raise
    except (OSError, DockError):
        if not source.still_there():
            raise CameraGone(f"the camera left while {file.display_name} was looked into") from None
        return "attachment"
