"""Registry files: what is read, and how mistakes are said."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from center import registry
from center.catalogue import database, registries
from daemon.cli.center import center_group
from tests.center.bench import Bench
from uplink import envelope, registry_files
from uplink.errors import BadTable
from uplink.keys import Role
from uplink.messages.registry import CameraRow, CaseRegistry, CaseRow, OfficerRow


def table(
    folder: Path, text: str | bytes, name: str = "rows.csv", kind: str | None = None
) -> registry_files.Table:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return registry_files.read(path, kind)


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
        ("officer,name\n1,a\n,b\n", r"rows.csv:3: column officer: it has to be given"),
        ("officer,name\n1,a\n1,b\n", r"rows.csv:3: column officer = '1' is in line 2 already"),
        ("officer,name\n1,a,b\n", r"rows.csv:2: not 2 cells"),
        ("officer,name\n1\n", r"rows.csv:2: not 2 cells"),
        ("case,from\nC1,2026-03-05T00:00:00\n", r"rows.csv:2: column from = .*the zone is missing"),
        ("case,from\nC1,yesterday\n", r"rows.csv:2: column from = 'yesterday': no time"),
        ("case,officers\nC1,\n", r"rows.csv:2: column officers: case 'C1' names nobody"),
        ("case,officers\nC1,;\n", r"rows.csv:2: column officers: case 'C1' names nobody"),
        ('[{"case": "C1", "officers": [" "]}]', r"rows.csv:1: column officers: case 'C1' names nobody"),
        ('[{"camera": "A", "officer": " "}]', r"rows.csv:1: column officer: it has to be given"),
        ('[{"officer": "1", "name": " "}]', r"rows.csv:1: column name: it has to be given"),
        (
            "camera,officer,from,to\nA,1,2026-03-05T09:00:00Z,2026-03-05T17:00:00+08:00\n",
            r"rows.csv:2: column to = .* is not after from",
        ),
        (
            "case,officers,from,to\nC1,1,2026-03-06T00:00:00Z,2026-03-05T00:00:00Z\n",
            r"rows.csv:2: column to = .* is not after from",
        ),
        ("officer,name\n1,张\x1b[31m三\n", r"rows.csv:2: column name = 张\\x1b\[31m三 .*U\+001B"),
        ("officer,name\n1,a\u202eb\n", r"rows.csv:2: column name = .*U\+202E"),
        ('officer,name\n"1\n2",b\n', r"rows.csv:3: column officer = 1\\n2 .*U\+000A"),
        ('[{"case": "C1", "officers": ["1\\u0000"]}]', r"rows.csv:1: column officers = .*U\+0000"),
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
    cases = table(tmp_path, "case,title,officers\nC1,无照经营,110001\n")
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
    with pytest.raises(BadTable, match=r"--scope site-9: no dock of that site is enrolled .*site-1, site-2"):
        registry.scope(bench.folder, "site-9")


def publish(bench: Bench, *words: str) -> Result:
    return CliRunner().invoke(
        center_group,
        ["registry", "publish", *words, "--folder", str(bench.folder.root)],
        catch_exceptions=False,
    )


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "publish", lambda *_: registry.Delivery(False, "no broker in this test"))


@pytest.mark.usefixtures("unreachable")
def test_a_row_is_withdrawn_by_a_snapshot_without_it_and_a_dry_run_tells_before(
    bench: Bench, tmp_path: Path
) -> None:
    bench.enrol("dock-1")
    file = tmp_path / "cases.csv"
    file.write_text("case,title,officers\nC1,a,1\nC2,b,1\nC3,c,1\n")
    assert "新增 3 added" in publish(bench, str(file)).stdout
    file.write_text("case,title,officers\nC1,a,1\nC2,changed,1\nC4,d,1\n")

    told = publish(bench, str(file), "--dry-run")
    assert "新增 1 added, 更改 1 changed, 撤销 1 withdrawn" in told.stdout
    assert [line for line in told.stdout.splitlines() if line.startswith("  ")] == [
        "  + C4",
        "  ~ C2",
        "  - C3",
    ]
    assert "not on the broker" not in told.stderr
    with database.reading(bench.folder) as connection:
        assert [snapshot.rows for snapshot in registries.newest(connection)] == [3]
        before = registries.newest(connection)[0].version

    (said,) = json.loads(publish(bench, str(file), "--json").stdout)
    assert (said["added"], said["changed"], said["withdrawn"]) == (["C4"], ["C2"], ["C3"])
    assert said["version"] > before
    assert "新增 0 added, 更改 0 changed, 撤销 0 withdrawn" in publish(bench, str(file)).stdout


@pytest.mark.usefixtures("unreachable")
def test_all_rows_are_withdrawn_only_if_that_is_said(bench: Bench, tmp_path: Path) -> None:
    bench.enrol("dock-1")
    file = tmp_path / "cameras.csv"
    file.write_text("camera,officer\nA,1\n")
    publish(bench, str(file))
    file.write_text("camera,officer\n")
    refused = publish(bench, str(file), "--kind", "cameras")
    assert (refused.exit_code, "--withdraw-all" in refused.output) == (1, True)
    done = publish(bench, str(file), "--kind", "cameras", "--withdraw-all")
    assert "撤销 1 withdrawn" in done.stdout
    assert "  - A → 1" in done.stdout


@pytest.mark.usefixtures("unreachable")
def test_an_officer_whom_no_registry_knows_is_noted(bench: Bench, tmp_path: Path) -> None:
    bench.enrol("dock-1")
    officers, cases = tmp_path / "officers.csv", tmp_path / "cases.csv"
    officers.write_text("officer,name\n1,a\n")
    cases.write_text("case,officers\nC1,1;2\n")
    assert "note" not in publish(bench, str(cases)).stderr, "no officers were ever published"
    publish(bench, str(officers))
    assert f"{cases}:2: officer 2 is in no registry of officers" in publish(bench, str(cases)).stderr
