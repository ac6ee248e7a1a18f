"""docs/protocol.md is held to the code: topics, limits, codes of refusals, links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from center import chain, revisions, transfers
from uplink import channels, envelope, eventflow, manifestflow, strictjson, window
from uplink.channels import CHANNELS, Channel
from uplink.commanding import MAX_COMMAND_BYTES
from uplink.keys import Role
from uplink.messages import FileAnswer
from uplink.messages.command import ARGS
from uplink.messages.manifest import MAX_MANIFEST_BYTES
from uplink.messages.receipt import RefusalCode
from uplink.messages.transfer import MAX_RANGES

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "protocol.md").read_text("utf-8")


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_each_topic_is_in_the_table_with_how_it_is_kept(channel: Channel) -> None:
    address = channel.address.removeprefix(channels.DOCK_ADDRESS + "/")
    [row] = [line for line in TEXT.splitlines() if line.startswith("| `") and f"`{address}`" in line[:200]]
    assert row.rstrip(" |").replace("*", "").endswith("yes") == channel.retained, row
    signed = {name for name in channel.payloads if f"`{name}`" in row}
    assert signed == (set(channel.payloads) if channel.signed else set()), row


def test_words_of_the_wire_are_explained() -> None:
    words = [*get_args(RefusalCode), *get_args(FileAnswer.model_fields["status"].annotation), *ARGS]
    words += [role.value for role in Role if role is not Role.ROOT]
    missing = [word for word in words if f"`{word}`" not in TEXT]
    assert not missing


def test_numbers_are_those_of_the_code() -> None:
    kib, mib = 1024, 1024 * 1024
    held = {
        "payloads 256 KiB": 256 * kib == envelope.MAX_PAYLOAD_BYTES,
        "manifests and commands 64 KiB": MAX_MANIFEST_BYTES == MAX_COMMAND_BYTES == 64 * kib,
        "registries 4 MiB": 4 * mib == envelope.MAX_REGISTRY_BYTES,
        "nested deeper than 16": strictjson.MAX_DEPTH == 16,
        "more than 8 signatures": envelope.MAX_SIGNATURES == 8,
        "at most 1000: **all**": MAX_RANGES == 1000,
        "after at most 4 MiB, and after 20 ms of quiet": (4 * mib, 0.02)
        == (transfers.CREDIT_BYTES, transfers.CREDIT_QUIET_S),
        "8 MiB, in proportion more": 8 * mib == window.WINDOW_BYTES,
        "32 MiB at most": 32 * mib == window.LARGEST_WINDOW_BYTES,
        "after 10 s without an answer, doubling to 5 min": (
            window.FIRST_PATIENCE_S,
            window.LONGEST_PATIENCE_S,
        )
        == (10, 300),
        "at most 200 beyond it": eventflow.MOST_BEYOND_HEAD == 200,
        "at most 100 manifests beyond": manifestflow.MOST_UNANSWERED == 100,
        "the same again ≥ 20 s": revisions.MISSING_WAIT_S == 20,
        "waited for (20 s)": chain.BRANCH_WAIT_S == 20,
    }
    assert [words for words in held if words not in TEXT] == []
    assert [words for words, holds in held.items() if not holds] == []


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (DOCS / target).exists(), target
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^## (.+)$", TEXT, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors
