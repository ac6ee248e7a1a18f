"""Media that an edit list hides (article 15(5); `origin.edit_list`).  Pure.

- An edit list says which stretch of a track's media is shown: what lies before the first stretch, after the
  last one or between two is in the file and is not shown.  That is how phones trim without touching a
  picture.
- An empty edit (start -1) delays a track and hides nothing.  A duration of 0 shows all to the end.
- The delay of reordering (B-frames) and the priming of a sound encoder are hidden by every muxer: the count
  starts at the first picture's own presentation time, and the rule set's threshold lets priming pass.
"""

from dataclasses import dataclass

from transcoder.movie import Movie, MovieTrack

_KINDS = {"vide": "video", "soun": "audio"}


@dataclass(frozen=True)
class Hidden:
    """Seconds of one track's media that are not shown."""

    kind: str
    before_s: float
    after_s: float
    between_s: float
    media_s: float
    edits: int

    @property
    def total_s(self) -> float:
        return self.before_s + self.after_s + self.between_s


def hidden_media(movie: Movie) -> list[Hidden]:
    """What each track's edit list hides, the most first; tracks that hide nothing are left out."""
    found = [_hidden(track, movie.timescale) for track in movie.tracks if track.handler in _KINDS]
    return sorted((h for h in found if h is not None), key=lambda h: -h.total_s)


def _hidden(track: MovieTrack, movie_timescale: int) -> Hidden | None:
    if not track.timescale:
        return None
    first = track.first_shown_ticks / track.timescale
    end = first + track.media_ticks / track.timescale
    spans: list[tuple[float, float]] = []
    for edit in track.edits:
        if edit.start < 0:
            continue
        start = edit.start / track.timescale
        length = edit.duration / movie_timescale
        spans.append((start, start + length if edit.duration else max(end, start)))
    if not spans:
        return None
    spans.sort()
    before = max(0.0, min(spans[0][0], end) - first)
    between, shown_to = 0.0, spans[0][1]
    for start, stop in spans[1:]:
        between += max(0.0, min(start, end) - shown_to)
        shown_to = max(shown_to, stop)
    # A fragmented file's moov holds no samples of its own: nothing is known of its end.
    after = max(0.0, end - shown_to) if track.media_ticks else 0.0
    if not track.media_ticks:
        before = 0.0
    return Hidden(_KINDS[track.handler], before, after, between, end - first, len(spans))
