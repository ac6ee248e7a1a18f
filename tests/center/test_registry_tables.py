"""Registry files: what is read, and how mistakes are said."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from center import registry, tables
from center.errors import BadTable
from tests.center.bench import Bench
from uplink import envelope
from uplink.keys import Role
from uplink.messages.registry import CameraRow, CaseRegistry, CaseRow, OfficerRow


def table(folder: Path, text: str | bytes, name: str = "rows.csv", kind: str | None = None) -> tables.Table:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return tables.read(path, kind)


def test_csv_of_each_kind_is_told_by_its_columns(tmp_path: Path) -> None:
    officers = table(tmp_path, "officer,name,unit\n110001,张三,一大队\n\n110002,李四,\n")
    assert (officers.kind, officers.rows) == (
        "officers",
        (OfficerRow(officer="110001", name="张三", unit="一大队"), OfficerRow(officer="110002", name="李四")),
    )
    cameras = table(tmp_path, "camera,officer,from,to\nCAM1,110001,2026-03-05T08:00:00+08:00,\n")
    assert cameras.rows == (
        CameraRow.model_validate(
            {"camera": "CAM1", "officer": "110001", "from": datetime(2026, 3, 5, tzinfo=UTC)}
        ),
    )
    cases = table(tmp_path, "case,title,kind,officers\nC1,无照经营,penalty,110001; 110002；110003\n")
    assert cases.rows == (
        CaseRow(case="C1", title="无照经营", kind="penalty", officers=["110001", "110002", "110003"]),
    )


def test_what_office_programs_save_is_read(tmp_path: Path) -> None:
    text = "officer,name\r\n110001,张三\r\n"
    for data in (text.encode("utf-8-sig"), text.encode("gb18030"), text.encode()):
        assert table(tmp_path, data).rows == (OfficerRow(officer="110001", name="张三"),)


def test_json_rows_are_read(tmp_path: Path) -> None:
    rows = [{"case": "C1", "officers": ["110001"], "from": "2026-03-05T00:00:00Z"}]
    for value in (rows, {"rows": rows}):
        assert table(tmp_path, json.dumps(value), "cases.json").kind == "cases"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("officer,name,nmae\n1,a,b\n", r"rows.csv:1: column 'nmae' is none of officers"),
        ("officer,name\n1,a\n,b\n", r"rows.csv:3: column officer: Field required"),
        ("officer,name\n1,a\n1,b\n", r"rows.csv:3: column officer = '1' is in line 2 already"),
        ("officer,name\n1,a,b\n", r"rows.csv:2: not 2 cells"),
        ("officer,name\n1\n", r"rows.csv:2: not 2 cells"),
        ("case,from\nC1,2026-03-05T00:00:00\n", r"rows.csv:2: column from = .*the zone is missing"),
        ("case,from\nC1,yesterday\n", r"rows.csv:2: column from = 'yesterday': no time"),
        ("case,kind\nC1,murder\n", r"rows.csv:2: column kind = 'murder'"),
        ("case,case\nC1,C2\n", r"rows.csv:1: a column occurs twice"),
        ("name\na\n", r"which kind is it\? Give --kind"),
        ("officer,name\n", r"0 rows"),
        ("", r"0 rows"),
        ('officer,name\n"1,a\n', r"rows.csv:\d: no CSV"),
        ("[1]", r"a list of rows"),
        ('[{"officer":"1","officer":"2"}]', r"duplicate"),
        ('[{"officer": 1, "name": "a"}]', r"rows.csv:1: column officer = 1"),
    ],
)
def test_a_mistake_is_said_with_file_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadTable, match=said):
        table(tmp_path, text)


def test_snapshots_are_signed_with_the_registry_key_and_a_version_above_all_before(
    bench: Bench, tmp_path: Path
) -> None:
    cases = table(tmp_path, "case,title\nC1,无照经营\n")
    before = int(time.time()) - 1  # above what a catalogue restored from a backup may have given out
    for _ in range(2):
        (snapshot,) = registry.sign(bench.folder, bench.settings, "site-1", [cases])
        sealed = envelope.unseal(
            snapshot.raw, "registry", bench.keys.ring(), Role.REGISTRY, envelope.MAX_REGISTRY_BYTES
        )
        signed = CaseRegistry.parse(sealed.payload)
        assert signed.version > before
        before = signed.version
        assert (signed.scope, signed.rows) == ("site-1", list(cases.rows))
    bench.start()
    published = [out for out in bench.said if out.topic == "bodydock/1/site-1/registry/cases"]
    assert [(out.payload, out.retain) for out in published] == [(snapshot.raw, True)]


def test_the_site_has_to_be_told_unless_there_is_one(bench: Bench) -> None:
    with pytest.raises(BadTable, match="no dock is enrolled"):
        registry.scope(bench.folder, None)
    bench.enrol("dock-1")
    assert registry.scope(bench.folder, None) == "site-1"
    bench.enrol("dock-2", "site-2")
    with pytest.raises(BadTable, match="site-1, site-2"):
        registry.scope(bench.folder, None)
    assert registry.scope(bench.folder, "site-2") == "site-2"
