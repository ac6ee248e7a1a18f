"""Where a recording was made, and what that does to a gap between two files (article 15(5))."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest

from tests.transcoder.inspecting import recording_of
from tests.transcoder.media_maker import Movie, make, rewrap, shared
from transcoder.engine import inspect
from transcoder.gpmf import fix_in
from transcoder.places import Fix, compare, distance_m, parse_iso6709, parse_nmea
from transcoder.rejudge import rejudge
from transcoder.report import Depth, Finding, Severity
from transcoder.request import InspectItem, InspectRequest
from transcoder.rules import load_rules

GATE = (31.230416, 121.473701)
STREET = (31.235929, 121.480500)  # 890 m away
START = datetime(2026, 8, 4, 2, 0, tzinfo=UTC)


def _located(path: Path, place: tuple[float, float], *, start: datetime) -> Path:
    make(path, Movie(seconds=4.0, creation=start.isoformat()))
    located = {
        "location": f"{place[0]:+08.4f}{place[1]:+09.4f}/",
        "creation_time": start.isoformat(),
    }
    return rewrap(path, path.with_suffix(".mov"), {}, located)


def _gap(*paths: Path) -> Finding:
    items = tuple(InspectItem(path) for path in paths)
    report = inspect(InspectRequest(items, depth=Depth.FAST))
    return next(f for run in report.runs for f in run.findings if f.code == "continuity.gap_between_files")


@pytest.mark.parametrize(
    ("second", "severity", "place"),
    [(GATE, Severity.VIOLATION, "same"), (STREET, Severity.INFO, "different")],
)
def test_a_gap_is_judged_by_where_the_files_were_made(
    tmp_path: Path, second: tuple[float, float], severity: Severity, place: str
) -> None:
    a = _located(tmp_path / "a.mp4", GATE, start=START)
    b = _located(tmp_path / "b.mp4", second, start=START + timedelta(seconds=44))
    gap = _gap(a, b)
    assert gap.severity is severity
    assert (gap.evidence["place"], gap.evidence["place_from"]) == (place, "gps")
    assert "31.2" not in gap.model_dump_json()  # how far apart, never where


def test_without_a_place_in_one_of_them_it_stays_unknown(tmp_path: Path) -> None:
    a = _located(tmp_path / "a.mp4", GATE, start=START)
    b = make(tmp_path / "b.mp4", Movie(seconds=4.0, creation=(START + timedelta(seconds=44)).isoformat()))
    gap = _gap(a, b)
    assert gap.severity is Severity.REVIEW and gap.evidence["place"] == "unknown"


def test_a_measured_place_is_not_overruled_by_a_declared_one(tmp_path: Path) -> None:
    a = _located(tmp_path / "a.mp4", GATE, start=START)
    b = _located(tmp_path / "b.mp4", STREET, start=START + timedelta(seconds=44))
    report = inspect(InspectRequest((InspectItem(a), InspectItem(b)), depth=Depth.FAST))
    assert rejudge(report, ["东门", "东门"], load_rules(None)) == report


def test_telemetry_of_real_cameras_is_read() -> None:
    karma, hero = shared("data/footage/karma.mp4"), shared("data/media/mp4/max-heromode.mp4")
    if karma is None or hero is None:
        pytest.skip("../shared/data is absent")
    drone = recording_of(karma, Depth.FAST).places
    assert len(drone) == 12 and drone[0].lat == pytest.approx(33.1254, abs=1e-3)
    walker = recording_of(hero, Depth.FAST).places
    assert (walker[0].lat, walker[0].lon) == pytest.approx((33.1268, -117.3273), abs=1e-3)
    assert walker[0].accuracy_m is not None and walker[-1].at_s > 9


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("photo/DSC00001.JPG", (45.51690, -122.57277)),
        ("photo/adobe_coords.jpg", (-0.07027, 34.38194)),
        ("photo/tokyo.jpg", (35.65723, 139.74965)),
        ("broken/corrupt_exif.jpg", (48.0810, -1.6678)),
        ("photo/london_without_app1_segment.jpg", None),
        ("mov/dolbyVision-hdr.MOV", (51.5334, -0.1255)),
    ],
)
def test_places_that_others_files_say(name: str, place: tuple[float, float] | None) -> None:
    path = shared("data/media", name)
    if path is None:
        pytest.skip("../shared/data/media is absent")
    places = recording_of(path, Depth.FAST).places
    assert [(p.lat, p.lon) for p in places] == ([pytest.approx(place, abs=1e-4)] if place else [])


def test_nmea_in_a_text_track(tmp_path: Path) -> None:
    path = tmp_path / "nmea.mkv"
    plain = make(tmp_path / "plain.mp4", Movie(seconds=4.0))
    lines = tmp_path / "nmea.srt"
    sentence = "$GPRMC,02000{0},A,3113.8250,N,12128.4221,E,0.0,0,040826,,,A"
    lines.write_text(
        "".join(f"{i + 1}\n00:00:0{i},000 --> 00:00:0{i},900\n{sentence.format(i)}\n\n" for i in range(4))
    )
    with av.open(str(plain)) as old, av.open(str(lines)) as texts, av.open(str(path), "w") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        text = new.add_stream_from_template(texts.streams[0])
        for packet in [p for p in texts.demux() if p.size]:
            packet.stream = text
            new.mux(packet)
        for packet in old.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    places = recording_of(path).places
    assert [round(p.at_s) for p in places] == [0, 1, 2, 3]
    assert (places[0].lat, places[0].lon) == pytest.approx(GATE, abs=1e-5)


def test_sentences_with_a_wrong_sum_or_no_fix_are_none() -> None:
    good = "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47"
    (fix,) = parse_nmea(good, 1.0)
    assert (fix.lat, fix.lon, fix.accuracy_m) == (48.1173, 11.516667, 4.5)
    assert list(parse_nmea(good.replace("*47", "*48"), 0)) == []
    assert list(parse_nmea("$GPRMC,123519,V,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A", 0)) == []
    assert list(parse_nmea("$GPRMC,123519,A,nan,N,inf,E,022.4,084.4,230394,003.1", 0)) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("+40.6892-074.0445+10.000/", (40.6892, -74.0445)),
        ("+4041.35-07402.67/", (40.689167, -74.044500)),
        ("+404121.12-0740240.20/", (40.689200, -74.044500)),
        ("+00.0000+000.0000/", None),
        ("+91.0000+000.1000/", None),
        ("somewhere", None),
    ],
)
def test_iso_6709(text: str, place: tuple[float, float] | None) -> None:
    fix = parse_iso6709(text)
    assert ((fix.lat, fix.lon) if fix else None) == (pytest.approx(place, abs=1e-6) if place else None)


def _klv(key: bytes, kind: bytes, size: int, rows: Sequence[bytes]) -> bytes:
    body = b"".join(rows)
    return key + kind + struct.pack(">BH", size, len(rows)) + body + bytes(-len(body) % 4)


def _payload(fix: int) -> bytes:
    gps5 = struct.pack(">5i", 312304160, 1214737010, 4000, 0, 0)
    stream = _klv(b"GPSF", b"L", 4, [struct.pack(">I", fix)]) + _klv(
        b"GPSP", b"S", 2, [struct.pack(">H", 150)]
    )
    scale = [struct.pack(">i", value) for value in (10_000_000, 10_000_000, 1000, 1000, 100)]
    stream += _klv(b"SCAL", b"l", 4, scale) + _klv(b"GPS5", b"l", 20, [gps5])
    strm = b"STRM\0" + struct.pack(">BH", 1, len(stream)) + stream
    return b"DEVC\0" + struct.pack(">BH", 1, len(strm)) + strm


def test_gpmf_says_a_place_only_with_a_fix() -> None:
    assert fix_in(_payload(3), 2.0) == Fix(2.0, *GATE, 7.5)
    assert fix_in(_payload(0), 2.0) is None
    for cut in range(0, 100, 7):
        fix_in(_payload(3)[:cut], 0.0)  # no cut raises


def test_distance_and_its_errors() -> None:
    gate, street = Fix(0, *GATE), Fix(0, *STREET)
    assert distance_m(gate, street) == pytest.approx(890, abs=15)
    near = Fix(0, GATE[0] + 0.0005, GATE[1])  # 56 m
    assert compare((gate,), 10, (near,)).place == "same"  # type: ignore[union-attr]
    assert compare((gate,), 10, (street,)).place == "different"  # type: ignore[union-attr]
    vague = Fix(0, *STREET, accuracy_m=2000.0)
    assert compare((gate,), 10, (vague,)).place == "unknown"  # type: ignore[union-attr]
    track = (gate, Fix(5, *GATE))
    assert compare(track, 300, (street,)).place == "unknown"  # type: ignore[union-attr]  # fix lost long before
    assert compare((), 10, (gate,)) is None
