"""kill -9 at random points of the whole path: every byte, recording, receipt and event is there once.

The seed is printed; BODYDOCK_SEED and BODYDOCK_CAMERA_KILLS make a run again, or a longer one.

Few kills of whole programs with a real card; many, at fault points too: test_kill_rounds.py.
"""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.rig import loop_camera as rig
from tests.rig.small_office import SmallOffice

KILLS = int(os.environ.get("BODYDOCK_CAMERA_KILLS", "10"))
pytestmark = [
    pytest.mark.devices,
    pytest.mark.timeout(300 + 5 * KILLS),
    pytest.mark.skipif(bool(rig.missing_parts()), reason="needs " + ", ".join(rig.missing_parts())),
]
SEED = int(os.environ.get("BODYDOCK_SEED", str(random.randrange(10**6))))
SIZES = {"A.mp4": 9_000_000, "B.mp4": 0, "C.mp4": 5_000_001, "D.txt": 777, "E.mp4": 12_345_678}


@pytest.fixture(scope="module")
def contents() -> dict[str, bytes]:
    rng = random.Random(1)
    return {name: rng.randbytes(size) for name, size in SIZES.items()}


@pytest.fixture(scope="module")
def office(contents: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallOffice]:
    """An office after the kills, when everything has come to rest."""
    folder = tmp_path_factory.mktemp("kills")
    card = folder / "card"
    (card / "DCIM").mkdir(parents=True)
    for name, content in contents.items():
        (card / "DCIM" / name).write_bytes(content)
    rig.make_card(folder / "card.img", card)
    print(f"BODYDOCK_SEED={SEED} BODYDOCK_CAMERA_KILLS={KILLS}")
    rng = random.Random(SEED)
    with rig.udevd(), rig.LoopCamera(folder / "card.img", "BWC0042", "1.1") as camera:
        made = SmallOffice(folder, [rig.port_path("1.1")], bytes_per_second=4 * 1024 * 1024, speech=False)
        with made:
            made.dock.start()
            camera.plug()
            for _ in range(KILLS):
                _kill_somebody(made, rng)
            made.wait("everything is delivered", lambda: _settled(made, len(contents)), 120)
            yield made


def test_every_byte_is_at_both_ends_once(office: SmallOffice, contents: dict[str, bytes]) -> None:
    wanted = sorted(hashlib.sha256(content).hexdigest() for content in contents.values())
    at_dock = sorted(_hash(path) for path in (office.folder / "state/vault").glob("??/*"))
    assert at_dock == wanted
    received = office.ask_center("list")
    assert sorted(item["sha256"] for item in received) == wanted
    for item in received:
        shown = office.ask_center("show", item["recording"], "--verify")
        assert shown["file"]["verified"] is True
        assert _hash(Path(shown["file"]["path"])) == item["sha256"]


def test_nothing_half_done_is_left_in_the_vault(office: SmallOffice) -> None:
    assert list((office.folder / "state/vault/incoming").iterdir()) == []


def test_the_chain_has_no_gap_and_the_platform_holds_all_of_it(office: SmallOffice) -> None:
    with closing(_store(office)) as store:
        epochs = store.execute("SELECT count(*) FROM epochs").fetchone()[0]
        numbers = [row[0] for row in store.execute("SELECT n FROM events ORDER BY n")]
        newest = store.execute("SELECT event FROM events ORDER BY n DESC LIMIT 1").fetchone()[0]
    assert epochs == 1
    assert numbers == list(range(len(numbers)))
    office.wait("the platform holds the newest event", lambda: _head(office) == newest, 30)


def test_every_file_is_told_once_and_every_docking_adds_up(office: SmallOffice) -> None:
    with closing(_store(office)) as store:
        twice = store.execute(
            "SELECT recording FROM events WHERE kind = 'stored' GROUP BY recording HAVING count(*) > 1"
        ).fetchall()
        sums = store.execute(
            "SELECT d.listed_count, d.listed_bytes, count(f.idx), sum(f.size) FROM dockings d"
            " JOIN files f USING (docking) WHERE f.state <> 'listed' GROUP BY d.docking"
        ).fetchall()
        states = {row[0] for row in store.execute("SELECT state FROM dockings")}
    assert twice == []
    assert states == {"closed"}
    for count, size, settled, settled_bytes in sums:
        assert (count, size) == (settled, settled_bytes)


def test_one_receipt_stands_for_each_newest_revision(office: SmallOffice) -> None:
    with closing(_store(office)) as store:
        rows = store.execute(
            "SELECT r.recording, count(c.receipt) FROM recordings r LEFT JOIN receipts c"
            " ON c.recording = r.recording AND c.revision = r.revision GROUP BY r.recording"
        ).fetchall()
        told = store.execute("SELECT count(*) FROM receipts WHERE told = 0").fetchone()[0]
    assert all(count == 1 for _, count in rows), rows
    assert told == 0


def _kill_somebody(office: SmallOffice, rng: random.Random) -> None:
    """Wait a random moment, kill one of the three, and start it again."""
    at = time.monotonic() + rng.uniform(0.05, 1.5)
    office.wait("a random moment", lambda: time.monotonic() >= at, 10)
    who = rng.choice(["dock", "dock", "center", "broker"])
    if who == "broker":
        office.broker.stop(kill=True)
        office.broker.start()
        return
    program = office.dock if who == "dock" else office.center
    program.kill()
    program.start()


def _settled(office: SmallOffice, count: int) -> bool:
    items, status = office.recordings(), office.status()
    return (
        status is not None
        and len(items) == count
        and all(item["revision"] == item["delivered_revision"] for item in items)
        and status["waiting_inspection"] == 0
        and status["waiting_manifests"] == 0
        and _untold(office) == 0
    )


def _untold(office: SmallOffice) -> int:
    with closing(_store(office)) as store:
        return int(store.execute("SELECT count(*) FROM receipts WHERE told = 0").fetchone()[0])


def _head(office: SmallOffice) -> str | None:
    head = office.ask_center("docks", "list")[0]["head"]
    return None if head is None else str(head["head"])


def _store(office: SmallOffice) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{office.folder / 'state/store.db'}?mode=ro", uri=True)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
