"""What somebody does to a finished recording without encoding it again: cutting, pasting, moving stamps.

- Everything works on tracks of packets, as a stream copy does; times are seconds of the recording.
- Pictures are cut before key frames only: the callers give times where the camera made key frames.
- What is cut closes up unless said otherwise, so that the stamps say nothing about it.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from tests.corpus.streams import Track, Unit

HAIR = Fraction(1, 1000)


def _seconds(value: float) -> Fraction:
    return Fraction(str(value))


def _moved(unit: Unit, by: Fraction) -> Unit:
    return replace(unit, pts_s=unit.pts_s + by, dts_s=unit.dts_s + by)


def _groups(track: Track) -> list[list[Unit]]:
    """Groups of pictures (for sound: single packets), each beginning with a key frame."""
    groups: list[list[Unit]] = []
    for unit in track.units:
        if unit.key or not groups:
            groups.append([])
        groups[-1].append(unit)
    return groups


def _between(track: Track, start: Fraction, end: Fraction) -> list[list[Unit]]:
    return [group for group in _groups(track) if start - HAIR <= group[0].pts_s < end - HAIR]


def part(tracks: Sequence[Track], start_s: float, end_s: float, *, at_s: float = 0.0) -> list[Track]:
    """[start_s, end_s) of the tracks, moved to begin at `at_s`."""
    start, end, by = _seconds(start_s), _seconds(end_s), _seconds(at_s) - _seconds(start_s)
    return [
        track.with_units([_moved(u, by) for group in _between(track, start, end) for u in group])
        for track in tracks
    ]


def joined(pieces: Sequence[Sequence[Track]]) -> list[Track]:
    """Pieces one after another in file order; their stamps are as they are."""
    return [
        tracks[0].with_units([unit for track in tracks for unit in track.units])
        for tracks in zip(*pieces, strict=True)
    ]


def cut(tracks: Sequence[Track], start_s: float, end_s: float) -> list[Track]:
    """Take [start_s, end_s) out and close up."""
    return joined([part(tracks, 0, start_s), part(tracks, end_s, 1e6, at_s=start_s)])


def insert(tracks: Sequence[Track], other: Sequence[Track], at_s: float, seconds: float) -> list[Track]:
    """Paste the first `seconds` of `other` in at `at_s`; what was there follows after."""
    return joined(
        [
            part(tracks, 0, at_s),
            part(other, 0, seconds, at_s=at_s),
            part(tracks, at_s, 1e6, at_s=at_s + seconds),
        ]
    )


def overwrite(tracks: Sequence[Track], other: Sequence[Track], at_s: float, seconds: float) -> list[Track]:
    """Put the first `seconds` of `other` in the place of what was there."""
    return joined(
        [
            part(tracks, 0, at_s),
            part(other, 0, seconds, at_s=at_s),
            part(tracks, at_s + seconds, 1e6, at_s=at_s + seconds),
        ]
    )


def loop(tracks: Sequence[Track], start_s: float, end_s: float, at_s: float) -> list[Track]:
    """Show [start_s, end_s) again at `at_s` in the place of what happened there."""
    return overwrite(tracks, part(tracks, start_s, end_s), at_s, end_s - start_s)


def smoothed_cut(tracks: Sequence[Track], start_s: float, end_s: float, spread_s: float) -> list[Track]:
    """Drop the pictures of [start_s, end_s) and stretch the `spread_s` before and after over the hole; the
    sound stays whole."""
    start, end, spread = _seconds(start_s), _seconds(end_s), _seconds(spread_s)
    stretch = (2 * spread + end - start) / (2 * spread)

    def moved(stamp: Fraction) -> Fraction:
        compact = stamp if stamp < start else stamp - (end - start)
        left = start - spread
        if compact < left:
            return stamp
        if compact < start + spread:
            return left + (compact - left) * stretch
        return stamp

    out = []
    for track in tracks:
        if track.kind != "video":
            out.append(track)
            continue
        kept = [u for g in _groups(track) if not start - HAIR <= g[0].pts_s < end - HAIR for u in g]
        out.append(
            track.with_units(
                [
                    replace(u, pts_s=moved(u.pts_s), dts_s=moved(u.dts_s), duration_s=u.duration_s)
                    for u in kept
                ]
            )
        )
    return out


def without_pictures(tracks: Sequence[Track], start_s: float, end_s: float) -> list[Track]:
    """Leave the pictures of [start_s, end_s) out and the hole open; the sound goes on."""
    start, end = _seconds(start_s), _seconds(end_s)
    return [
        t.with_units([u for g in _groups(t) if not start - HAIR <= g[0].pts_s < end - HAIR for u in g])
        if t.kind == "video"
        else t
        for t in tracks
    ]


def without_sound(tracks: Sequence[Track], start_s: float, end_s: float, *, close: bool) -> list[Track]:
    """Leave the sound of [start_s, end_s) out; `close` moves up what follows."""
    start, end = _seconds(start_s), _seconds(end_s)
    out = []
    for track in tracks:
        if track.kind == "audio":
            before = [u for u in track.units if u.pts_s < start]
            after = [u for u in track.units if u.pts_s >= end]
            by = before[-1].pts_s + before[-1].duration_s - after[0].pts_s if close else Fraction(0)
            out.append(track.with_units(before + [_moved(u, by) for u in after]))
        else:
            out.append(track)
    return out


def with_sound_of(
    tracks: Sequence[Track], other: Sequence[Track], start_s: float, end_s: float
) -> list[Track]:
    """Put the other recording's sound under [start_s, end_s)."""
    start, end = _seconds(start_s), _seconds(end_s)
    theirs = next(track for track in other if track.kind == "audio")
    out = []
    for track in tracks:
        if track.kind == "audio":
            out.append(
                track.with_units(
                    [u for u in track.units if u.pts_s < start]
                    + [u for u in theirs.units if start <= u.pts_s < end]
                    + [u for u in track.units if u.pts_s >= end]
                )
            )
        else:
            out.append(track)
    return out


def repeated_stamps(tracks: Sequence[Track], at_s: float, count: int) -> list[Track]:
    """`count` pictures from `at_s` on carry the stamp of the one before."""
    out = []
    for track in tracks:
        if track.kind == "video":
            units = list(track.units)
            first = next(i for i, u in enumerate(units) if u.pts_s >= _seconds(at_s))
            for i in range(first + 1, first + 1 + count):
                units[i] = replace(units[i], pts_s=units[first].pts_s, dts_s=units[first].dts_s)
            out.append(track.with_units(units))
        else:
            out.append(track)
    return out


def moved_from(tracks: Sequence[Track], at_s: float, by_s: float) -> list[Track]:
    """Everything from `at_s` on is stamped `by_s` later (earlier if negative)."""
    at, by = _seconds(at_s), _seconds(by_s)
    return [
        t.with_units([_moved(u, by) if g[0].pts_s >= at - HAIR else u for g in _groups(t) for u in g])
        for t in tracks
    ]
