"""Who asks at the dock: the person that `[people]` in the settings gives for the Unix user (trust.md).

- A user who is listed is that person, proven: the kernel says who is on the socket (SO_PEERCRED).
- Any other is `unix:{name}`, or `unix:{number}` where the machine knows no name, and not proven.
"""

from __future__ import annotations

import pwd
from collections.abc import Callable, Mapping

from uplink.messages import Actor


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def actor_of(uid: int, people: Mapping[str, str], name_of: Callable[[int], str] = _name_of) -> Actor:
    """Return who a Unix user is in the chain of custody."""
    name = name_of(uid)
    person = people.get(name)
    return Actor(person=(person or f"unix:{name}")[:128], by="socket", proven=person is not None)
