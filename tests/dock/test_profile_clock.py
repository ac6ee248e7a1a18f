"""Where a profile says that a camera burns its clock in, and what of that is refused."""

from pathlib import Path

import pytest

from dock.errors import ProfileError
from dock.profile_files import ClockText
from dock.profile_reading import read_profile

PROFILE = """
name = "clock"
title = "With a clock"
basis = "a test"
[kinds]
video = ["mp4"]
audio = []
photo = []
left_out = []
left_out_names = []
left_out_folders = []
[clock_text]
left = 0.3
top = 0.02
right = 0.9
bottom = 0.06
{more}
[[examples]]
name = "A.mp4"
"""


def _read(tmp_path: Path, more: str = "") -> ClockText:
    path = tmp_path / "clock.toml"
    path.write_text(PROFILE.format(more=more), encoding="utf-8")
    clock = read_profile(path).clock_text
    assert clock is not None
    return clock


def test_a_clock_has_a_place_and_the_usual_layout(tmp_path: Path) -> None:
    clock = _read(tmp_path)
    assert (clock.left, clock.bottom, clock.layout) == (0.3, 0.06, "YYYY-MM-DD hh:mm:ss")
    assert _read(tmp_path, 'layout = "DD/MM/YY hh:mm:ss"').layout == "DD/MM/YY hh:mm:ss"


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ("right = 0.9", "right = 0.2"),
        ("bottom = 0.06", "bottom = 0.01"),
        ("left = 0.3", "left = -0.3"),
        ("{more}", 'layout = "hh:mm"'),
        ("{more}", 'layout = "YYY-MM-DD hh:mm:ss"'),
        ("{more}", 'layout = "hh:mm:s"'),
    ],
)
def test_a_clock_that_cannot_be_is_refused_with_its_key(tmp_path: Path, given: str, instead: str) -> None:
    path = tmp_path / "clock.toml"
    path.write_text(PROFILE.replace(given, instead).replace("{more}", ""), encoding="utf-8")
    with pytest.raises(ProfileError, match="clock_text"):
        read_profile(path)
