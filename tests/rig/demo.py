"""The demonstration (`script/demo`): two cameras, the whole path, a kill in mid-transfer, labels.

Exit status: 0 every label holds and every receipt verifies; 1 something does not; 2 something is missing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from daemon.cli.common import VERDICTS, size_text
from tests.rig import labels as labelling
from tests.rig import loop_camera as rig
from tests.rig.demo_media import make_recording
from tests.rig.receipt_check import MANIFEST_TYPE, digest, opened, verified_receipt
from tests.rig.small_office import ROOT, OfficeError, SmallOffice
from tests.rig.wire import WireObserver
from transcoder.models import find_speech_model

DATA = ROOT / "tests/data"
LABELS = DATA / "demo-labels.json"
STARTED_AT = datetime(2026, 11, 24, 9, 30, tzinfo=timezone(timedelta(hours=8)))
LARGE = f"8888888_J0H42A_{STARTED_AT:%Y%m%d%H%M%S}_0001.mp4"
REAL = "karma.mp4"
MADE = "20261124101500.mp4"
WINDOW_BYTES = 8 * 1024 * 1024  # mqtt.md: at most so much is un-credited on loopback
OFFICERS = "officer,name,unit,role\nJ0H42A,王伟,兴隆台区发展和改革局,officer\n"
CASES = (
    "case,title,kind,matter,place,officers,from,to\n"
    "XLT-2026-0042,粮食库存检查,inspection,entry_inspection,振兴街道光明路12号,J0H42A,"
    "2026-11-01T00:00:00+08:00,2026-12-01T00:00:00+08:00\n"
)
PHASE_POLL_S = 0.1


class Failed(Exception):
    """The demonstration did not show what it should."""


def main() -> int:
    options = _options()
    missing = rig.missing_parts()
    if missing:
        print("script/demo shows cameras as loop devices and cannot, here:", file=sys.stderr)
        for part in missing:
            print(f"  - {part}", file=sys.stderr)
        return 2
    speech = find_speech_model() is not None and not options.without_speech
    if not speech:
        print("!!! NO SPEECH MODEL: the notice cannot be heard, every verdict will be `unchecked` at best.")
        print("!!! script/setup installs it; --require-speech makes this an error.")
        if options.require_speech:
            return 1
    folder = Path(tempfile.mkdtemp(prefix="bodydock-demo-"))
    try:
        return Demo(folder, options, speech).run()
    except (Failed, OfficeError, rig.RigError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    finally:
        if options.keep_folder:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def make_large(path: Path, *, seconds: int, mib: int) -> None:
    """Make the compliant recording: the notice at its start, the index at its end as cameras write it."""
    make_recording(
        path,
        seconds=seconds,
        notice=DATA / "speech/notice-08.flac",
        started_at=STARTED_AT,
        target_bytes=mib * 1024 * 1024,
        moov_first=False,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("--require-speech", action="store_true", help="fail where no speech model is there")
    parser.add_argument("--without-speech", action="store_true", help="as if no speech model were there")
    parser.add_argument("--labels", type=Path, default=LABELS, help="what is expected (JSON)")
    parser.add_argument("--capture", type=Path, help="keep the messages that were on the wire here")
    parser.add_argument("--keep-folder", action="store_true", help="leave stores and logs behind")
    parser.add_argument("--recording", type=Path, help="take this file instead of making the large recording")
    parser.add_argument("--mib", type=int, default=64, help="size of the large recording")
    parser.add_argument("--rate", type=int, default=12, help="limit of the uplink, MiB per second")
    parser.add_argument(
        "--wrong-platform-key", action="store_true", help="tell the dock a key that is not the platform's"
    )
    return parser.parse_args()


class Demo:
    """One run, in a temporary folder."""

    def __init__(self, folder: Path, options: argparse.Namespace, speech: bool) -> None:
        self._folder = folder
        self._options = options
        self._speech = speech
        self._said: dict[str, str] = {}
        self._began = time.monotonic()

    def run(self) -> int:
        cards, expected = self._make_cards()
        labels = labelling.load(self._options.labels, speech=self._speech)
        with ExitStack() as stack:
            stack.enter_context(rig.udevd())
            cameras = [
                stack.enter_context(rig.LoopCamera(image, serial, port=port)) for image, serial, port in cards
            ]
            ports = [rig.port_path(port) for _, _, port in cards]
            office = stack.enter_context(
                SmallOffice(
                    self._folder,
                    ports,
                    bytes_per_second=self._options.rate * 1024 * 1024,
                    speech=self._speech,
                    wrong_platform_key=self._options.wrong_platform_key,
                )
            )
            observer = stack.enter_context(WireObserver(office.broker.port))
            self._say(f"broker, center and dock are enrolled with each other (port {office.broker.port})")
            self._deliver(office, cameras, expected)
            return self._judge(office, observer, labels, expected)

    # What happens

    def _make_cards(self) -> tuple[list[tuple[Path, str, str]], list[str]]:
        first, second = self._folder / "camera-1", self._folder / "camera-2"
        for camera in (first, second):
            (camera / "DCIM").mkdir(parents=True)
        self._make_large(first / "DCIM" / LARGE)
        real = DATA / "footage" / REAL
        name = REAL
        if real.exists():
            shutil.copyfile(real, second / "DCIM" / REAL)
        else:
            name = MADE
            self._say("the real action-camera file is not here: a second recording is made, without a notice")
            made_at = STARTED_AT + timedelta(minutes=45)
            make_recording(
                second / "DCIM" / MADE,
                seconds=20,
                talk=DATA / "speech/other-02.flac",
                started_at=made_at,
                seed=1,
            )
        cards = []
        for camera, serial, port in ((first, "BWC0042", "1.1"), (second, "GP0007", "1.2")):
            image = self._folder / f"{camera.name}.img"
            rig.make_card(image, camera)
            shutil.rmtree(camera)
            cards.append((image, serial, port))
        return cards, [LARGE, name]

    def _make_large(self, path: Path) -> None:
        if self._options.recording is not None:
            shutil.copyfile(self._options.recording, path)
            return
        self._say("making a recording (H.264 and AAC in MP4, with a clock and a spoken notice)")
        make_large(path, seconds=30, mib=self._options.mib)

    def _deliver(self, office: SmallOffice, cameras: list[rig.LoopCamera], expected: list[str]) -> None:
        officers, cases = self._folder / "officers.csv", self._folder / "cases.csv"
        officers.write_text(OFFICERS, encoding="utf-8")
        cases.write_text(CASES, encoding="utf-8")
        office.publish(officers)
        office.start_dock()
        for camera in cameras:
            camera.plug()
        self._until(office, "20 % of the large file", lambda: self._share(office, expected) > 0.35, 40)
        share = self._share(office, expected)
        if not 0.2 <= share <= 0.8:
            raise Failed(f"the transfer was at {share:.0%} when it was to be killed: set a lower --rate")
        office.dock.kill()
        self._say(f"the dock was killed (SIGKILL) with {share:.0%} of the large file at the platform")
        office.start_dock()
        self._until(office, "all bytes delivered", lambda: self._delivered(office, expected), 40)
        office.publish(cases)
        self._say("the registry of cases was published: what it tags gets a revision of its own")
        self._until(office, "every revision receipted", lambda: self._settled(office, expected), 60)

    def _share(self, office: SmallOffice, expected: list[str]) -> float:
        self._refusals(office)
        for item in office.recordings():
            if item["name"].endswith(expected[0]) and item["size"]:
                return float(item["durable_bytes"]) / float(item["size"])
        return 0.0

    def _delivered(self, office: SmallOffice, expected: list[str]) -> bool:
        self._refusals(office)
        items = office.recordings()
        return len(items) == len(expected) and all(item["state"] == "delivered" for item in items)

    def _settled(self, office: SmallOffice, expected: list[str]) -> bool:
        self._refusals(office)
        status, items = office.status(), office.recordings()
        tagged = any(item["cases"] for item in items)
        return (
            status is not None
            and self._delivered(office, expected)
            and tagged
            and status["waiting_inspection"] == 0
            and all(item["revision"] == item["delivered_revision"] for item in items)
        )

    def _refusals(self, office: SmallOffice) -> None:
        counters = (office.status() or {}).get("counters", {})
        refused = {name: count for name, count in counters.items() if name.startswith("refused.receipt")}
        if refused:
            raise Failed(f"the dock refuses the platform's receipts: {refused}")

    def _until(self, office: SmallOffice, what: str, held: Callable[[], bool], seconds: float) -> None:
        def look() -> bool:
            self._show(office.status())
            return held()

        office.wait(what, look, seconds)

    # What is seen

    def _judge(
        self,
        office: SmallOffice,
        observer: WireObserver,
        labels: dict[str, dict[str, Any]],
        expected: list[str],
    ) -> int:
        received = {item["name"].rsplit("/", 1)[-1]: item for item in office.ask_center("list")}
        problems = [f"{name} never arrived" for name in expected if name not in received]
        publics = office.platform_table()["keys"]["receipt"]
        for name, item in received.items():
            if name not in labels:
                problems.append(f"{name}: there is no label for it")
                continue
            problems += labelling.differences(name, labels[name], item)
            problems += _receipt_problems(name, item, observer, publics)
            shown = office.ask_center("show", item["recording"], "--verify")
            if not shown["file"].get("verified"):
                problems.append(f"{name}: the platform's file does not hold")
        problems += self._sent_twice(observer, received)
        _print_table(received)
        if self._options.capture is not None:
            _capture(self._options.capture, observer)
        for problem in problems:
            print(f"WRONG: {problem}")
        took = time.monotonic() - self._began
        print(f"{'FAILED' if problems else 'every label holds, every receipt verifies'} ({took:.0f} s)")
        return 1 if problems else 0

    def _sent_twice(self, observer: WireObserver, received: dict[str, dict[str, Any]]) -> list[str]:
        sent = sum(observer.segment_bytes(file_id) for file_id in observer.file_ids())
        twice = sent - sum(item["size_bytes"] for item in received.values())
        print(
            f"bytes sent twice because of the kill: {twice} ({size_text(twice)}; a window is "
            f"{size_text(WINDOW_BYTES)})"
        )
        return [] if 0 <= twice <= WINDOW_BYTES else [f"{twice} bytes were sent twice: more than one window"]

    def _show(self, status: dict[str, Any] | None) -> None:
        for slot in (status or {}).get("slots", []):
            rate = slot["rate_bytes_per_s"]
            line = f"{slot['phase']:<10} {slot['camera'] or '-':<8} {size_text(slot['bytes_done'])}"
            line += f" / {size_text(slot['bytes_total'])} {slot['text'].get('zh', '')}"
            self._line(f"slot {slot['slot']}", line, f", {size_text(rate)}/s" if rate else "")
        file = ((status or {}).get("uplink") or {}).get("file")
        if file:
            rate = file["rate_bytes_per_s"]
            share = 100 * file["durable_bytes"] // max(1, file["size_bytes"]) // 10 * 10
            line = f"{file['step']} {file['recording'][:8]} {share} % of {size_text(file['size_bytes'])}"
            self._line("uplink", line, f", {size_text(rate)}/s" if rate else "")

    def _line(self, who: str, line: str, extra: str) -> None:
        if self._said.get(who) != line:
            self._said[who] = line
            self._say(f"{who}: {line}{extra}")

    def _say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._began:5.1f} s] {text}", flush=True)


def _receipt_problems(
    name: str, item: dict[str, Any], observer: WireObserver, publics: list[str]
) -> list[str]:
    """Return why the newest revision of a recording has no receipt that verifies; else nothing."""
    recording = item["recording"]
    manifests = [
        raw for topic, raw in observer.messages(f"/manifests/{recording}") if opened(raw)[0] == MANIFEST_TYPE
    ]
    newest = max(manifests, key=lambda raw: _revision(raw), default=None)
    if newest is None:
        return [f"{name}: no manifest was on the wire"]
    receipts = [verified_receipt(raw, publics) for _, raw in observer.messages(f"/receipts/{recording}")]
    good = [
        receipt
        for receipt in receipts
        if receipt is not None
        and receipt["manifest"] == digest(newest)
        and (receipt["sha256"], receipt["size"]) == (item["sha256"], item["size_bytes"])
    ]
    if not good:
        return [f"{name}: no receipt for revision {_revision(newest)} verifies under the platform's key"]
    return []


def _revision(raw: bytes) -> int:
    return int(json.loads(opened(raw)[1])["revision"])


def _print_table(received: dict[str, dict[str, Any]]) -> None:
    table = Table(title="平台已收 received by the platform")
    for column in (
        "recording",
        "警员 officer",
        "案件 case",
        "结论 verdict",
        "发现 findings (article)",
        "送达 delivered at",
        "收据 receipt",
    ):
        table.add_column(column, overflow="fold")
    for name, item in received.items():
        table.add_row(
            name,
            f"{item['officer'] or '-'} {item['officer_name'] or ''}",
            ", ".join(item["cases"]) or "-",
            VERDICTS.get(item["verdict"], "-"),
            "\n".join(f"{code} ({article})" for code, article in labelling.findings_of(item)) or "-",
            (item["received_at"] or "-")[:19],
            f"{(item['receipt'] or '-')[:12]} (rev. {item['revision']})",
        )
    Console(width=None if sys.stdout.isatty() else 150).print(table)


def _capture(folder: Path, observer: WireObserver) -> None:
    """Keep what was on the wire: `NNNNN.topic` and `NNNNN.payload`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (topic, payload) in enumerate(observer.messages("bodydock/")):
        (folder / f"{number:05}.topic").write_text(topic)
        (folder / f"{number:05}.payload").write_bytes(payload)


if __name__ == "__main__":
    sys.exit(main())
