"""What can be said about the packages, the lock and the layout without building anything."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests/data"
PACKAGES = ("daemon", "dock", "transcoder", "uplink", "center")
LOCK = (ROOT / "requirements.lock").read_text()


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "__init__.py").is_file()
    assert (ROOT / package / "py.typed").is_file()


def test_neither_tests_nor_systemd_can_shadow_a_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []
    assert list((ROOT / "systemd").rglob("__init__.py")) == []


def test_names_of_test_files_are_unique() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_systemd_python_is_found_beside_the_folder_of_units() -> None:
    import systemd.journal

    assert "site-packages" in str(systemd.journal.__file__)


def test_lock_has_pyav_for_both_pythons_and_no_torch() -> None:
    assert re.search(r"^av==18\.\S+ ; python_full_version < '3\.12'", LOCK, re.MULTILINE)
    assert re.search(r"^av==19\.\S+ ; python_full_version >= '3\.12'", LOCK, re.MULTILINE)
    assert not re.search(r"^(torch|nvidia)", LOCK, re.MULTILINE)


def test_lock_pins_every_requirement_with_hashes_and_names_no_place() -> None:
    entries = re.split(r"\n(?=\S)", LOCK)
    requirements = [entry for entry in entries if not entry.startswith("#")]
    assert len(requirements) > 50
    assert [entry for entry in requirements if "==" not in entry or "--hash=sha256:" not in entry] == []
    assert not re.search(r"://|^-|[ =]/", LOCK, re.MULTILINE)


def test_lock_covers_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["speech"],
        *project["dependency-groups"]["dev"],
    ]
    pinned: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK, re.MULTILINE):
        pinned.setdefault(name, []).append(version)
    missing = [
        text
        for text in asked
        if not list(Requirement(text).specifier.filter(pinned.get(Requirement(text).name, [])))
    ]
    assert missing == []


def test_carried_data_is_what_its_provenance_says() -> None:
    provenance = (DATA / "PROVENANCE.md").read_text()
    files = [path for path in DATA.rglob("*") if path.is_file() and path.suffix in {".mp4", ".flac"}]
    said = dict(re.findall(r"^\| `(\S+)` .*`([0-9a-f]{64})` \|$", provenance, re.MULTILINE))
    assert said == {
        str(path.relative_to(DATA)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
