"""The demonstration (`script/demo`): four cameras at once, the whole path, an outage, a kill, labels.

Exit status: 0 every label holds, every docking adds up, both lists agree and every receipt verifies; 1
something does not, or what was required is not there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.rig import labels as labelling
from tests.rig import loop_camera as rig
from tests.rig.demo_cameras import directory_cameras, loop_cameras
from tests.rig.demo_cards import DemoCamera, make_cameras
from tests.rig.demo_checks import LABELS, judge
from tests.rig.demo_evidence import Evidence, gather, save
from tests.rig.demo_results import print_evidence, print_how_to_look
from tests.rig.demo_scene import Failed, Scene
from tests.rig.demo_screen import Screen
from tests.rig.program import OfficeError
from tests.rig.small_office import SmallOffice
from tests.rig.wire import WireObserver
from transcoder.models import find_speech_model

_MIB = 1024 * 1024


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _leave)
    missing = ["what --directories leaves out"] if options.directories else rig.missing_parts()
    if missing:
        _warn_of_missing_devices(missing)
        if options.require_devices:
            return 1
    speech = find_speech_model() is not None and not options.without_speech
    if not speech:
        print("!!! 未找到语音模型：无法听取告知，结论最多为“未检查”。script/setup 会安装它。")
        print("!!! NO SPEECH MODEL: the notice cannot be heard, every verdict will be `unchecked` at best.")
        print("!!! script/setup installs it; --require-speech makes this an error.")
        if options.require_speech:
            return 1
    folder = Path(tempfile.mkdtemp(prefix="bodydock-demo-"))
    try:
        return _run(folder, options, devices=not missing, speech=speech)
    except (Failed, OfficeError, rig.RigError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    finally:
        if options.keep_folder:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _leave(_number: int, _frame: object) -> None:
    sys.exit(143)  # unwinds, so that everything is undone


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument(
        "--keep", action="store_true", help="leave all up at the end and say how to look at it"
    )
    parser.add_argument(
        "--require-devices", action="store_true", help="fail where no loop devices can be had"
    )
    parser.add_argument("--directories", action="store_true", help="as if there were no loop devices")
    parser.add_argument("--require-speech", action="store_true", help="fail where no speech model is there")
    parser.add_argument("--without-speech", action="store_true", help="as if no speech model were there")
    parser.add_argument("--labels", type=Path, default=LABELS, help="what is expected (JSON)")
    parser.add_argument("--capture", type=Path, help="keep the evidence and the messages on the wire here")
    parser.add_argument("--keep-folder", action="store_true", help="leave stores and logs behind")
    parser.add_argument("--cards", type=Path, help="take the cards in this folder, or make them there")
    parser.add_argument("--mib", type=int, default=64, help="size of the long run, in three files")
    parser.add_argument("--rate", type=int, default=8, help="limit of the uplink, MiB per second")
    parser.add_argument(
        "--wrong-platform-key", action="store_true", help="tell the dock a key that is not the platform's"
    )
    return parser.parse_args()


def _warn_of_missing_devices(missing: list[str]) -> None:
    bar = "!" * 100
    print(bar)
    print("!!! 没有 root 权限或 loop 设备：本次用目录代替记录仪，不经过内核、udev 和只读挂载。缺少：")
    print("!!! NO LOOP DEVICES: cameras are DIRECTORIES in this run: no kernel, no udev, no read-only mount.")
    print("!!! Missing:")
    for part in missing:
        print(f"!!!   - {part}")
    print("!!! --require-devices 会因此失败 makes this an error.")
    print(bar, flush=True)


def _run(folder: Path, options: argparse.Namespace, *, devices: bool, speech: bool) -> int:
    labels = labelling.load(options.labels, speech=speech)
    with ExitStack() as stack:
        screen = Screen()
        screen.say("making four cards (H.264 and AAC in MP4, with a clock and spoken notices)")
        cards = make_cameras(options.cards or folder / "cards", options.mib)
        kind = loop_cameras if devices else directory_cameras
        cameras = stack.enter_context(kind(folder, cards))
        office = stack.enter_context(
            SmallOffice(
                folder,
                cameras.slots,
                bytes_per_second=options.rate * _MIB,
                speech=speech,
                wrong_platform_key=options.wrong_platform_key,
            )
        )
        observer = stack.enter_context(WireObserver(office.broker.port))
        screen.say(f"broker, center and dock know each other (broker: 127.0.0.1:{office.broker.port})")
        with screen:
            scene = Scene(office, cameras, screen, observer, cards)
            scene.play(folder)
            screen.say("asking both sides what they hold")
            evidence = gather(
                office, observer, cards, speech=speech, twice_bytes=scene.twice_bytes, again=scene.again
            )
        if options.capture is not None:
            save(evidence, options.capture)
        wrong = _judge(screen, evidence, labels)
        if options.keep:
            _stay(office, screen, cards)
        return 1 if wrong else 0


def _judge(screen: Screen, evidence: Evidence, labels: dict[str, dict[str, object]]) -> list[str]:
    wrong = judge(evidence, labels)
    print_evidence(screen, evidence)
    for line in wrong:
        print(f"WRONG: {line}")
    good = "every label holds, every receipt verifies, every docking adds up, both lists agree"
    print(f"{'FAILED' if wrong else good} ({screen.took_s:.0f} s)", flush=True)
    return wrong


def _stay(office: SmallOffice, screen: Screen, cards: list[DemoCamera]) -> None:
    """Leave all up until somebody ends it."""
    print_how_to_look(screen, office, cards, os.getpid())
    with suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
