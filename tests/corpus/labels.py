"""What is true of an item: which findings it must bring, which it may, and from which depth on.

- `expected`: a finding of `code` (or of one `instead`, where the codes leave a choice) of at least `severity`
  over at least `start_s`..`end_s` less the tolerance, at `depth` and every deeper one.
- `allowed`: codes that may come as well, each with its reason.  Any other finding is false.
- `clean`: nothing is expected at all; info is still nothing that may be made up.
- Labels say what was made, not what any inspector finds.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

DEPTHS = ("fast", "standard", "deep")
SEVERITIES = ("info", "unchecked", "review", "violation")
SCHEMA_ID = "bodydock.corpus-label/1"


@dataclass(frozen=True)
class Expect:
    """`recording`: the file's name in a shift (None: any, or the run's)."""

    code: str
    start_s: float | None = None
    end_s: float | None = None
    tolerance_s: float = 2.0
    severity: str = "review"
    depth: str = "standard"
    instead: tuple[str, ...] = ()
    recording: str | None = None


@dataclass(frozen=True)
class Allow:
    """`most`: how severe it may be."""

    code: str
    why: str
    most: str = "violation"


@dataclass(frozen=True)
class Label:
    id: str
    kind: str
    path: str
    generator: str
    parameters: str
    profile: str
    container: str
    codecs: tuple[str, ...]
    duration_s: float | None
    clean: bool
    expected: tuple[Expect, ...] = ()
    allowed: tuple[Allow, ...] = ()
    place_known: str = "unknown"
    note: str = ""
    short: bool = False

    def document(self) -> dict[str, Any]:
        """The label as JSON; `label.schema.json` is its shape."""
        return {"schema": SCHEMA_ID, **asdict(self)}


def label_from(document: Mapping[str, Any]) -> Label:
    """Read `document()` back."""
    fields = {key: value for key, value in document.items() if key != "schema"}
    fields["codecs"] = tuple(fields["codecs"])
    fields["expected"] = tuple(Expect(**{**e, "instead": tuple(e["instead"])}) for e in fields["expected"])
    fields["allowed"] = tuple(Allow(**a) for a in fields["allowed"])
    return Label(**fields)
