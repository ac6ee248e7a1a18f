"""What bodydock uses of systemd-python 235, which has no types of its own."""

import logging
from collections.abc import Callable
from uuid import UUID

# Fields are sent as the journal's own: names in capitals, values as text, bytes or numbers.
def send(
    MESSAGE: str,
    MESSAGE_ID: str | UUID | None = None,
    CODE_FILE: str | None = None,
    CODE_LINE: int | None = None,
    CODE_FUNC: str | None = None,
    **kwargs: str | bytes | int,
) -> None: ...

class JournalHandler(logging.Handler):
    def __init__(
        self, level: int | str = 0, sender_function: Callable[..., None] = ..., **kwargs: str | bytes | int
    ) -> None: ...
