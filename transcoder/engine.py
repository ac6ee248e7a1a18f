"""The inspection in this process: recordings one by one, then runs and their notices, then the report."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import av

from transcoder.cards import find_cards
from transcoder.edges import edge_of
from transcoder.errors import SpeechUnavailable
from transcoder.filed import Filed
from transcoder.findings import FindingList, rounded
from transcoder.joints import joint
from transcoder.notice import Heard, Listener, judge_notice
from transcoder.places import compare
from transcoder.recording import Inspected, inspect_recording
from transcoder.rejudge import judged_as
from transcoder.report import (
    Depth,
    Engine,
    Joint,
    Report,
    RulesUsed,
    RunReport,
    Verdict,
    worst_verdict,
)
from transcoder.request import InspectRequest
from transcoder.resumed import Resumed, find_resumed
from transcoder.rules import RuleSet, load_rules
from transcoder.runs import Link, Run, join_runs
from transcoder.shift import Shift, look_across
from transcoder.strangers import find_strangers, make_of
from transcoder.unfinished import recover_unfinished

Progress = Callable[[int, float], None]  # index of the recording, share of the whole request done, 0 to 1


def inspect(request: InspectRequest, progress: Progress | None = None, ears: "Ears | None" = None) -> Report:
    """Inspect all items of a request.

    `ears` keeps a loaded speech model between requests.  Raises BadRules; nothing for what files hold.
    """
    rules = load_rules(request.rules)
    report_progress = progress or (lambda _index, _share: None)
    inspected: list[Inspected] = []
    count = len(request.items)
    for index, item in enumerate(request.items):
        found = FindingList(rules, request.depth, index)

        def share(done: float, index: int = index) -> None:
            report_progress(index, (index + done) / count)

        before = inspected[-1] if inspected else None
        inspected.append(inspect_recording(item, request, found, share, before))
    recover_unfinished(inspected, decode=request.depth is not Depth.FAST)
    listener, digest = _listener(request, ears)
    across = _across(inspected, request, rules)
    runs = _runs(inspected, request, rules, listener, across)
    recordings = tuple(one.report() for one in inspected)
    verdicts = [r.verdict for r in recordings] + [r.verdict for r in runs]
    return Report(
        engine=engine_of(digest),
        rules=RulesUsed(name=rules.name, sha256=rules.sha256),
        profile=request.join.profile,
        depth=request.depth,
        verdict=max(verdicts, default=Verdict.COMPLIANT),
        recordings=recordings,
        runs=tuple(runs),
    )


class Ears:
    """Holds the one loaded speech model; loading waits until something is to be heard."""

    def __init__(self) -> None:
        self._loaded: tuple[str, Listener, str] | None = None

    def listener(self, request: InspectRequest) -> tuple[Listener, str]:
        """The listener for the request's model directory, and the model's SHA-256.

        Raises SpeechUnavailable.
        """
        from transcoder.speech import WhisperListener

        where = str(request.speech_model)
        if self._loaded is None or self._loaded[0] != where:
            if request.speech_model is None:
                raise SpeechUnavailable("no speech model is given")
            listener = WhisperListener(request.speech_model)
            self._loaded = (where, listener, listener.digest)
        return self._loaded[1], self._loaded[2]


def _listener(request: InspectRequest, ears: Ears | None) -> tuple[Listener | None, str | None]:
    if request.depth is Depth.FAST or request.speech_model is None:
        return None, None
    try:
        return (ears or Ears()).listener(request)
    except (SpeechUnavailable, ImportError):
        return None, None
    except Exception as error:  # noqa: BLE001 - a broken model costs the notices their check, and no file
        return _Deaf(error), None


class _Deaf:
    """In place of a listener that could not be made: says why."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def listen(self, *_: Any, **__: Any) -> Heard:
        raise self._error


def engine_of(speech_model: str | None) -> Engine:
    """The versions that a report depends on."""
    try:
        own = version("bodydock")
    except PackageNotFoundError:
        own = "0"
    return Engine(bodydock=own, av=av.__version__, ffmpeg=av.ffmpeg_version_info, speech_model=speech_model)


def _across(inspected: Sequence[Inspected], request: InspectRequest, rules: RuleSet) -> Shift:
    """Judge the files side by side; what is said of one file alone goes to it."""
    files = [
        Filed(index, one.item, one.kind, one.readings, one.duration_s, _takes_part(one))
        for index, one in enumerate(inspected)
    ]
    across = look_across(files, request, rules)
    for one, span in zip(inspected, across.started_at, strict=True):
        one.started_at = span
    in_runs = {segment.index for segment in across.segments}
    for note in across.noted:
        if note.of_file or note.recording not in in_runs:
            inspected[note.recording].found.add(note.key, **note.values)
    return across


def _runs(
    inspected: Sequence[Inspected],
    request: InspectRequest,
    rules: RuleSet,
    listener: Listener | None,
    across: Shift,
) -> list[RunReport]:
    runs = join_runs(across.segments, rules.runs, request.join.split_tolerance_s)
    looks = request.one_shift and request.depth is not Depth.FAST
    resumed = {one.after: one for one in find_resumed(runs, inspected)} if looks else {}
    return [_run(run, inspected, request, rules, listener, across, resumed) for run in runs]


def _takes_part(one: Inspected) -> bool:
    """A file that is no media is in no run; one that only could not be finished owes what it owes."""
    return one.media is not None or any(finding.code == "file.limits" for finding in one.found.findings)


def _run(
    run: Run,
    inspected: Sequence[Inspected],
    request: InspectRequest,
    rules: RuleSet,
    listener: Listener | None,
    across: Shift,
    resumed: Mapping[int, Resumed],
) -> RunReport:
    found = FindingList(rules, request.depth, None)
    members = [inspected[segment.index] for segment in run.segments]
    numbers = tuple(segment.index for segment in run.segments)
    notice = judge_notice(members, request, listener, found)
    if request.one_shift:
        _separation(run, inspected, request, rules, found)
    cards = find_cards(members, rules.notice.search_s) if request.depth is not Depth.FAST else ()
    for note in across.noted:
        if not note.of_file and note.recording in numbers:
            found.about(note.recording).add(note.key, **note.values)
    if request.one_shift:
        _strangers(run, inspected, found)
    known = {f.recording for f in found.findings if f.code == "continuity.clock"}
    for told in (resumed[number] for number in numbers if number in resumed and number not in known):
        evidence = {"before": told.before, "after": told.after, "across": told.across}
        evidence |= {"step": told.step, "within_half_a_second": told.far}
        found.about(told.after).add("continuity.clock/resumed", start_s=0.0, evidence=evidence)
    return RunReport(
        recordings=numbers,
        started_at=members[0].started_at,
        duration_s=rounded(run.duration_s),
        verdict=worst_verdict(found.findings),
        notice=notice,
        cards=cards,
        joints=tuple(_joint(link, inspected, request, rules) for link in run.links),
        findings=tuple(found.findings),
    )


def _strangers(run: Run, inspected: Sequence[Inspected], found: FindingList) -> None:
    """Files of a run that are of another make than their neighbours."""
    members = [inspected[segment.index].media for segment in run.segments]
    makes = [make_of(media) if media is not None else None for media in members]
    for at in find_strangers(makes):
        mine, others = makes[at], makes[at - 1]
        if mine is None or others is None:
            continue
        evidence = {"picture": mine.picture, "sound": mine.sound}
        evidence |= {"neighbours_picture": others.picture, "neighbours_sound": others.sound}
        found.about(run.segments[at].index).add("origin.inserted/file", evidence=evidence)


def _joint(link: Link, inspected: Sequence[Inspected], request: InspectRequest, rules: RuleSet) -> Joint:
    """A joint of the run, with what its two ends look and sound like where files are decoded at all."""
    metric_s = rules.runs.joint_metric_s
    if request.depth is Depth.FAST:
        return joint(link, metric_s)
    before = edge_of(inspected[link.before], last=True)
    return joint(link, metric_s, before, edge_of(inspected[link.after], last=False))


def _separation(
    run: Run, inspected: Sequence[Inspected], request: InspectRequest, rules: RuleSet, found: FindingList
) -> None:
    """The gap or the overlap between this run and the one before."""
    since = run.since
    if since is None:
        return
    limits = rules.runs
    evidence: dict[str, object] = {
        "before": since.before,
        "after": since.after,
        "least_s": rounded(since.least_s),
        "most_s": rounded(since.most_s),
    }
    here = found.about(since.after)
    if since.seconds < 0:
        overlap, limit = -since.seconds, limits.split_overlap_s
        here.add(
            "continuity.overlap",
            start_s=0.0,
            end_s=overlap,
            value=overlap,
            threshold=limit,
            evidence=evidence,
        )
        return
    before, after = inspected[since.before], inspected[since.after]
    compared = compare(before.places, before.duration_s, after.places)
    place = request.join.place
    if compared is not None and compared.place != "unknown":
        place = compared.place
        evidence |= {
            "place_from": "gps",
            "distance_m": compared.distance_m,
            "accuracy_m": compared.accuracy_m,
        }
    here.add(
        "continuity.gap_between_files",
        start_s=-since.seconds,
        end_s=0.0,
        value=since.seconds,
        threshold=limits.split_gap_s,
        place=judged_as(place, since.seconds, limits),
        evidence={**evidence, "place": place},
    )
