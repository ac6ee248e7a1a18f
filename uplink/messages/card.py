"""The case card: what an officer holds to the lens so that the recording names its case by itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from uplink.messages.base import Name, Utc, Wire


class CaseCard(Wire):
    """Payload type `card`, role `registry`: this platform has this case, and says so until `expires`.

    Matter and place are not on it: they come with the case from the registry, so that a code stays small
    enough for a lens.
    """

    platform: Name
    case: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    expires: Utc
