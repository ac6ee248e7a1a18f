"""docs/configuration.md: `python -m daemon.settings_reference > docs/configuration.md`."""

from __future__ import annotations

from daemon.settings import Settings
from uplink.settings_pages import sections

_INTRO = """# Configuration of a dock

<!-- made by `python -m daemon.settings_reference`; a test holds it to the settings' types -->

One TOML file, `/etc/bodydock/bodydock.toml` (`--settings` names another), read and checked as a whole at
the start. `bodydock config check` says what is wrong with which key. A key that is not known is a
mistake. A relative path goes on from the folder of the file. What is not said has a default that is safe;
nothing that comes over the network changes any of it, but `[uplink]` as said there.

The smallest:

```toml
[dock]
id = "dock-01"
site = "office-1"

[[slots]]
number = 1
ports = ["pci-0000:00:14.0-usb-0:1.2"]
```

The platform's file is described in [center-configuration.md](center-configuration.md)."""


def page() -> str:
    return "\n".join([_INTRO, *sections(Settings, left_out=("sha256",))]) + "\n"


if __name__ == "__main__":
    print(page(), end="")
