"""The notice owed at the start of each run (article 15(1)): its status, and the finding that follows.

- Where the rule set asks for none (notes, photographs) the status is `not_required`.
- Without sound it is `no_audio`, at a depth or on a dock that does not listen `unverified`: never silence.
- Time counts from the button: the profile's pre-record, else the first sound that is not digital silence.
- Found within `in_time_s` of that: `confirmed`; later, within `search_s`: `late`.
- A model that fails costs the notice its check, and nothing else: `unverified`, with what it said.
- Nothing here can turn anything but a declaration heard into `confirmed`.
"""

import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from transcoder.errors import CannotRead
from transcoder.findings import FindingList, rounded
from transcoder.reading import READ_ERROR
from transcoder.recording import Inspected
from transcoder.report import Depth, Notice, NoticeStatus
from transcoder.request import InspectRequest
from transcoder.rules import NoticeRules

_MAX_REASON = 300
Outcome = Literal["declared", "unclear", "nothing", "silence", "no_sound", "timeout"]


@dataclass(frozen=True)
class Heard:
    """What listening to the head of a run came to; seconds from the run's first frame."""

    outcome: Outcome
    button_s: float = 0.0  # from when the notice is owed
    at_s: float | None = None
    words: str | None = None
    score: float | None = None
    searched_s: float = 0.0  # how much of what follows the button there was to hear


class Listener(Protocol):
    """Whoever listens; `speech.py` has the one with a model."""

    def listen(
        self, run: Sequence[Inspected], pre_record_s: float | None, search_s: float, limit_s: float
    ) -> Heard:
        """Search the head of a run; raises SpeechUnavailable, CannotRead, and what a model's libraries do."""


def judge_notice(
    run: Sequence[Inspected],
    request: InspectRequest,
    listener: Listener | None,
    found: FindingList,
) -> Notice:
    """The notice of one run; adds its finding to `found`."""
    rules = found.rules.notice
    kind = run[0].kind
    if kind is None or not rules.required[kind]:
        return Notice(status=NoticeStatus.NOT_REQUIRED)
    if all(r.media is not None and not _has_sound(r) for r in run):
        found.add("notice.no_audio")
        return Notice(status=NoticeStatus.NO_AUDIO)
    reason = _why_not(run, request, listener)
    if reason is None and listener is not None:
        try:
            heard = listener.listen(run, request.join.pre_record_s, rules.search_s, request.speech_limit_s)
        except CannotRead as error:
            return _unverified(found, "unread", str(error))
        except Exception as error:  # noqa: BLE001 - whatever the model's libraries raise
            traceback.print_exc(file=sys.stderr)
            return _unverified(found, "error", f"{type(error).__name__}: {error}"[:_MAX_REASON])
        return _conclude(heard, rules, found)
    return _unverified(found, reason)


def _unverified(found: FindingList, variant: str | None, reason: str | None = None) -> Notice:
    evidence = {} if reason is None else {"reason": reason}
    if variant == "unread":
        evidence["limit"] = READ_ERROR
    found.add(f"notice.unverified/{variant}", reason=reason, evidence=evidence)
    return Notice(status=NoticeStatus.UNVERIFIED)


def _has_sound(recording: Inspected) -> bool:
    return recording.media is not None and recording.media.main("audio") is not None


def _why_not(run: Sequence[Inspected], request: InspectRequest, listener: Listener | None) -> str | None:
    if request.depth is Depth.FAST:
        return "depth"
    if any(not recording.finished for recording in run[:1]):
        return "failed"
    if any(recording.media is not None and recording.media.structure.encrypted for recording in run[:1]):
        return "sound"
    return None if listener is not None else "model"


def _conclude(heard: Heard, rules: NoticeRules, found: FindingList) -> Notice:
    score = rounded(heard.score, 2)
    if heard.outcome == "no_sound":
        found.add("notice.unverified/sound")
        return Notice(status=NoticeStatus.UNVERIFIED)
    if heard.outcome == "timeout":
        found.add("notice.unverified/time")
        return Notice(status=NoticeStatus.UNVERIFIED, score=score, by="speech")
    if heard.outcome == "silence":
        found.add("notice.no_speech", value=heard.searched_s)
        return Notice(status=NoticeStatus.NO_SPEECH, by="speech")
    if heard.outcome == "nothing":
        found.add("notice.absent", value=heard.searched_s)
        return Notice(status=NoticeStatus.ABSENT, score=score, by="speech")
    at = rounded(heard.at_s, 1)
    if heard.outcome == "unclear":
        found.add("notice.uncertain", start_s=at)
        return Notice(status=NoticeStatus.UNCERTAIN, at_s=at, words=heard.words, score=score, by="speech")
    after = (heard.at_s or 0.0) - heard.button_s
    status = NoticeStatus.CONFIRMED
    if after > rules.in_time_s:
        status = NoticeStatus.LATE
        found.add("notice.late", start_s=at, value=after, threshold=rules.in_time_s)
    return Notice(status=status, at_s=at, words=heard.words, score=score, by="speech")
