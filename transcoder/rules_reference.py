"""docs/rule-sets.md: `python -m transcoder.rules_reference > docs/rule-sets.md`."""

from __future__ import annotations

from collections.abc import Iterator

from transcoder.rules import CodeRule, RuleSet, load_rules

# What each code says; a test holds the keys to `FINDING_CODES`.
SAYS = {
    "continuity.gap_in_file": "picture or sound stops and resumes inside a file",
    "continuity.timestamps": "stamps jump back, repeat, or were smoothed over missing frames",
    "continuity.truncated": "the file ends in mid-frame, or before its own index says",
    "continuity.stream_end": "picture and sound end apart by more than allowed",
    "continuity.gap_between_files": "a gap between two files of one camera",
    "continuity.overlap": "two files of one camera overlap",
    "continuity.sequence": "a sequence number is missing or was used twice",
    "continuity.clock": "name, inside, file time and neighbours disagree; the clock was set, or is offset",
    "continuity.selection": "deleted entries, or a shift's span that what arrived does not cover",
    "notice.absent": "there was speech, it was heard, and no notice is in it",
    "notice.late": "the notice came after `in_time_s`",
    "notice.uncertain": "something like a notice was heard",
    "notice.unverified": "nobody listened: no model, or a depth that does not",
    "notice.no_audio": "there is no sound track",
    "notice.no_speech": "nobody speaks in the time in which the notice is owed",
    "picture.black": "a black stretch",
    "picture.frozen": "a picture that stands still",
    "picture.covered": "the lens is covered",
    "picture.blurred": "out of focus",
    "picture.repeated": "an earlier stretch again",
    "sound.silent": "digital silence from a camera that has a microphone",
    "sound.clipped": "clipped sound",
    "sound.cut": "spliced sound",
    "origin.software": "marks of editing software",
    "origin.parameters": "codec parameters change in mid-file",
    "origin.reencoded": "double compression",
    "origin.edit_list": "media that is hidden by an edit list",
    "origin.inserted": "foreign material",
    "origin.clock_text": "the burnt-in clock jumps",
    "file.unreadable": "the file cannot be opened",
    "file.partial": "readable in part; byte ranges are in the evidence",
    "file.limits": "stopped by a limit, or the inspector failed: not checked, no damage",
    "file.unverified": "not decoded at this depth",
    "record.field_missing": "a field that article 15(3) asks for is missing (on the tag, at the dock)",
    "record.card_invalid": "a case card is forged, expired or unknown (on the tag, at the dock)",
}
_INTRO = """# Rule sets

<!-- made by `python -m transcoder.rules_reference`; a test holds it to config/rules/default.toml -->

What the inspection measures is one thing, what it weighs another. The weights are data, one TOML file:
shipped is `config/rules/default.toml`; an office that reads the regulation otherwise copies it, gives it
a `name` and `version` of its own, and names it in the settings:

```toml
[inspection]
rules = "/etc/bodydock/rules.toml"
```

`bodydock config check` says what is wrong with it. It has to name every code, so that a slip silences no
check. Each report names the rule set it was judged by (name, version, SHA-256); the dock keeps every rule
set it ever used, and judges a shift again by the one of its report. `bodydock inspect --rules FILE` tries
one on any file.

The verdict of a recording is the worst of its findings: *violation* > *needs review* > *unchecked* >
*compliant*. *info* is said and changes nothing. All of it is a suggestion: a machine suspects, a person
decides.

A table of limits is met when every number in it is exceeded; the worst table that is met counts."""


def page() -> str:
    rules = load_rules(None)
    return "\n".join([_INTRO, *_once(rules), *_codes(rules)]) + "\n"


def _once(rules: RuleSet) -> Iterator[str]:
    yield f"\n## Files into runs, and the notice (`{rules.name}`, version {rules.version})\n"
    yield "| key | value | |"
    yield "|---|---|---|"
    runs = rules.runs
    for key, value, says in (
        ("runs.split_gap_s", runs.split_gap_s, "a longer gap between two files ends the run"),
        ("runs.split_overlap_s", runs.split_overlap_s, "so does a longer overlap"),
        (
            "runs.same_place_unknown_s",
            runs.same_place_unknown_s,
            "a longer gap at undeclared places is info: the camera was switched on somewhere else",
        ),
        ("runs.shift_break_s", runs.shift_break_s, "a longer break starts another shift"),
        ("runs.joint_metric_s", runs.joint_metric_s, "GA/T 947's maximum recording interval: reported"),
        ("notice.in_time_s", rules.notice.in_time_s, "from the button on: later is late"),
        ("notice.search_s", rules.notice.search_s, "how long it is listened for"),
    ):
        yield f"| `{key}` | {value:g} | {says} |"
    owed = ", ".join(kind for kind, required in rules.notice.required.items() if required)
    yield f"| `notice.required` | {owed} | what owes a notice |"


def _codes(rules: RuleSet) -> Iterator[str]:
    yield "\n## What each finding weighs\n"
    yield "| code | says | article | weight |"
    yield "|---|---|---|---|"
    for code, rule in rules.codes.items():
        yield f"| `{code}` | {SAYS[code]} | {rule.article} | {_weight(rule)} |"


def _weight(rule: CodeRule) -> str:
    said = [f"{severity} at one place" for place, severity in rule.places.items() if place == "same"]
    said += [f"{severity} at unknown places" for place, severity in rule.places.items() if place == "unknown"]
    said += [f"{severity} between places" for place, severity in rule.places.items() if place == "different"]
    for severity, table in rule.tables.items():
        limits = " and ".join(f"{name} > {limit:g}" for name, limit in table.items())
        said.append(f"{severity}: {limits}")
    if rule.severity is not None:
        said.append(f"else {rule.severity}" if said else str(rule.severity))
    return "; ".join(said)


if __name__ == "__main__":
    print(page(), end="")
