"""docs/center-configuration.md: `python -m center.settings_reference > docs/center-configuration.md`."""

from __future__ import annotations

from center.settings import Settings
from uplink.settings_pages import sections

_INTRO = """# Configuration of a platform

<!-- made by `python -m center.settings_reference`; a test holds it to the settings' types -->

`center.toml` in the center's folder (`--folder`, or `BODYDOCK_CENTER`; else `/var/lib/bodydock-center`),
written by `bodydock center init` and read at each start. Everything but `id` may be changed; start the
receiver anew then."""


def page() -> str:
    return "\n".join([_INTRO, *sections(Settings)]) + "\n"


if __name__ == "__main__":
    print(page(), end="")
