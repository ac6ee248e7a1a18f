"""The header part of an inspection in one call: metadata, and from standard depth on packets' heads."""

from collections.abc import Sequence
from typing import BinaryIO

from transcoder.endings import check_sound_end
from transcoder.facts import MediaFacts
from transcoder.findings import FindingList
from transcoder.heads import Heads, read_heads
from transcoder.media import PHOTO_FORMATS
from transcoder.movie import Movie, read_movie
from transcoder.origin import check_edit_list, check_parameters, check_software
from transcoder.seen import seen
from transcoder.smoothed import ByteRange, check_smoothed, check_transport
from transcoder.timeline import Timeline


def movie_of(file: BinaryIO, media: MediaFacts) -> Movie | None:
    """The movie header, where the file is of a kind that has one."""
    return read_movie(seen(file).file, media.size_bytes) if media.structure.family == "mp4" else None


def tags_of(movie: Movie | None, media: MediaFacts) -> list[str | None]:
    """The sample entry's code of each stream; None where the header does not say it beyond doubt."""
    tracks = movie.tracks if movie is not None else ()
    if len(tracks) != len(media.streams):
        return [None] * len(media.streams)
    return [track.descriptions[0] if track.descriptions else None for track in tracks]


def check_headers(
    file: BinaryIO,
    media: MediaFacts,
    timeline: Timeline | None,
    movie: Movie | None,
    expected_software: Sequence[str],
    found: FindingList,
    *,
    lost: Sequence[ByteRange],
    deep: bool,
) -> bool:
    """Make all findings that headers alone show; `deep`: packets' first bytes may be read as well.

    Returns whether some of those could not be understood: a sign of damage, and no finding.
    `lost`: byte ranges known to hold nothing.  Raises Unreadable where the file cannot be opened again.
    """
    is_photo = media.container in PHOTO_FORMATS
    heads: list[Heads] = read_heads(file, media) if deep and not is_photo else []
    check_software(file, media, heads, expected_software, found)
    if is_photo:
        return False
    check_sound_end(file, media, timeline.duration_s if timeline else None, found)
    check_edit_list(movie, found)
    check_parameters(media, timeline, movie, heads, found)
    check_smoothed(media, timeline, heads, lost, found)
    if deep and media.structure.family == "ts":
        check_transport(file, media, timeline, lost, found)
    return any(one.unread for one in heads)
