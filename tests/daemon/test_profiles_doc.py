"""docs/profiles.md, as it stands: every command of it, on a card that no shipped profile knows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from dock.profile_reading import read_profile
from tests.dock.test_profile_new import lay

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "profiles.md").read_text("utf-8")


def test_the_page_leads_to_profiles_that_hold(tmp_path: Path) -> None:
    lay("strom", tmp_path).rename(tmp_path / "card")
    command = tmp_path / "bodydock"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m daemon "$@"\n')
    command.chmod(0o755)
    script = "set -e\n" + "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S))
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("all of it holds") == 3
    assert "card: ours (10 of 10 names are of its form)" in ran.stdout
    assert read_profile(tmp_path / "ours.toml").identity.officer == "id2"


def test_every_table_and_field_of_a_profile_is_explained() -> None:
    from dock.profile_files import (
        _FIELDS,
        Continuity,
        Housekeeping,
        Identity,
        Kinds,
        Marks,
        Match,
        Origin,
        Places,
    )

    tables = {"origin", "match", "kinds", "places", "marks", "identity", "continuity", "housekeeping"}
    assert all(f"`[{table}]`" in PAGE for table in tables)
    said = PAGE.replace("`id1` … `id4`", "`id1` `id2` `id3` `id4`")
    assert [one for one in sorted(_FIELDS) if f"`{one}`" not in said] == []
    keys = {
        key for part in (Continuity, Housekeeping, Identity, Kinds, Marks, Match, Origin, Places)
        for key in part.model_fields
    }  # fmt: skip
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", PAGE)] == []
