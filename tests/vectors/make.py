"""Makes the test vectors: `python -m tests.vectors.make [FOLDER]` writes them beside this file.

A vector is a file with the exact bytes of one message, and a line in `index.json` that says where it comes
from, what is to become of it and why.  Everything is drawn from seeds, so the files are the same each time.
`docs/protocol.md` (Test vectors) says how to use them; tests/vectors/test_vectors.py holds our code to them.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.vectors import broken, chains
from tests.vectors import parts as p
from uplink import ids
from uplink.keys import key_id

HERE = Path(__file__).parent


@dataclass
class Book:
    """Gathers files and the index."""

    files: dict[str, bytes] = field(default_factory=dict)
    vectors: list[p.Json] = field(default_factory=list)
    lines: list[p.Json] = field(default_factory=list)

    def add(self, folder: str, name: str, raw: bytes, topic: str, refuse: str | None, why: str) -> str:
        path = f"{folder}/{name}.json"
        self.files[path] = raw
        outcome = {"accept": True} if refuse is None else {"accept": False, "code": refuse}
        self.vectors.append({"file": path, "topic": topic, **outcome, "why": why})
        return path

    def line(self, name: str, what: str, steps: list[p.Json]) -> None:
        """Note messages that come one after the other, and what becomes of each."""
        self.lines.append({"name": name, "what": what, "steps": steps})


def made() -> dict[str, bytes]:
    """Return all files: path below the folder, bytes."""
    book = Book()
    for folder, name, raw, topic, refuse, why in broken.single():
        book.add(folder, name, raw, topic, refuse, why)
    for path, raw in chains.files().items():
        book.files[path] = raw
    for name, what, steps in chains.lines():
        book.line(name, what, steps)
    pretty = {
        "keys.json": _keys(),
        "ids.json": _ids(),
        "index.json": {
            "platform": p.PLATFORM,
            "site": p.SITE,
            "dock": p.DOCK,
            "vectors": book.vectors,
            "lines": book.lines,
        },
    }
    return book.files | {name: _pretty(value) for name, value in pretty.items()}


def write(folder: Path) -> list[Path]:
    """Write all files below `folder`.  Raises OSError."""
    written = []
    for name, content in made().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(path)
    return written


def _pretty(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _keys() -> p.Json:
    good = [
        {
            "name": name,
            "role": role.value if role else None,
            "owner": owner,
            "private": p.seed(name).hex(),
            "public": p.KEYS[name].public.hex(),
            "key_id": p.KEYS[name].key_id,
        }
        for name, role, owner in p.SIGNERS
    ]
    field_p = 2**255 - 19
    bad = [
        ("the neutral point, order 1", (1).to_bytes(32, "little")),
        ("order 2", (field_p - 1).to_bytes(32, "little")),
        ("order 4", bytes(32)),
        ("order 8", bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
        ("order 8, the other sign", _order_8_negative()),
        ("not canonical: y = p + 1", (field_p + 1).to_bytes(32, "little")),
        ("31 bytes", bytes(31)),
    ]
    return {"keys": good, "bad": [{"public": public.hex(), "why": why} for why, public in bad]}


def _order_8_negative() -> bytes:
    raw = bytearray.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    raw[31] |= 0x80
    return bytes(raw)


def _ids() -> p.Json:
    recordings = []
    for serial, path in ((p.SERIAL, p.PATH), ("执法-01", b"\xd6\xb4\xb7\xa8/0001.MP4")):
        recordings.append(
            {
                "serial": serial,
                "path_b64": base64.b64encode(path).decode(),
                "size": len(p.DATA),
                "sha256": p.SHA256,
                "recording": ids.recording_id(serial, path, len(p.DATA), p.SHA256),
            }
        )
    dock_key = p.KEYS["dock"].key_id
    files = [
        {
            "platform": p.PLATFORM,
            "dock_key": dock_key,
            "recording": p.RECORDING,
            "sha256": p.SHA256,
            "attempt": attempt,
            "file_id": ids.file_id(p.PLATFORM, dock_key, p.RECORDING, p.SHA256, attempt),
        }
        for attempt in (1, 2, 10)
    ]
    keys = [
        {"public": p.KEYS["dock"].public.hex(), "alg": "ed25519", "key_id": key_id(p.KEYS["dock"].public)}
    ]
    return {"recordings": recordings, "files": files, "keys": keys, "data": p.DATA.decode()}


if __name__ == "__main__":
    for written_path in write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE):
        print(written_path)
