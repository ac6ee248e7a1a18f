"""Listening: voice activity first, then the recogniser over pieces of speech, until a declaration is heard.

- Only arrays are handed to faster-whisper: its own `decode_audio` fails beside PyAV 19.
- Silence costs more than speech (G03) and is invented words (G09): what has no voice is not recognised.
- One temperature, a limit on tokens, no prompt and no hotwords: a prompt comes back as what noise said.
- Quiet speech is made louder before voice activity is looked for (G08).
- Pieces keep their own time; pauses are not cut out (G07).  A notice is timed from the start of the utterance
  that it is in.
- What makes a declaration doubtful but was said before a long pause, or after one, is no part of it: the
  stretch between the pauses is heard once more, alone.
- The search stops when a declaration is found.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from transcoder.declaration import Declaration, hints, judge
from transcoder.errors import SpeechUnavailable
from transcoder.models import model_digest
from transcoder.notice import Heard, Outcome
from transcoder.recording import Inspected
from transcoder.sound import RATE_HZ, Audio, first_sound_s, read_head
from transcoder.wording import shipped_wording

_PIECE_S = 26.0  # the recogniser hears 30 s at a time
_OVERLAP_S = 6.0  # speech without a pause is cut so that a notice is whole in one of two pieces
_NEW_PIECE_PAUSE_S = 3.0
_UTTERANCE_PAUSE_MS = 500
_PAD_S = 0.3
_LOUD = 0.1  # wanted level of the louder parts, as RMS of full scale
_MAX_GAIN = 40.0
_APART_S = 1.0  # a pause between two things said
_LONGEST_LEAD_S = 10.0  # an utterance that began longer ago is not what the notice starts with
_UNSURE_LOGPROB = -0.9
_REPEATING = 2.4  # compression ratio: looped words (G09)
_MAX_TOKENS = 180
_SLOWER = 1.12  # echo and telephone bands are understood better a little slower
_SLOWED_AT_MOST_S = 29.0 / _SLOWER
_FEW_SYLLABLES_PER_S = 0.8


@dataclass(frozen=True)
class Utterance:
    """A stretch with a voice in it; seconds."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class Piece:
    """What the recogniser made of a stretch: its text, and where each character begins; seconds."""

    start_s: float
    end_s: float
    text: str
    starts_s: tuple[float, ...]
    sure: bool


class WhisperListener:
    """Listens with a local Whisper model; loaded when there is first something to hear."""

    def __init__(self, model: Path) -> None:
        """Raises SpeechUnavailable when the model or the speech extra is missing."""
        self.digest = model_digest(model)
        self._path = model
        self._model: Any = None
        try:
            import faster_whisper  # noqa: F401 - only whether it is there
            import pypinyin  # noqa: F401
        except ImportError as error:
            raise SpeechUnavailable(f"the speech extra is not installed: {error}") from error

    def listen(
        self, run: Sequence[Inspected], pre_record_s: float | None, search_s: float, limit_s: float
    ) -> Heard:
        """Search the head of a run.  Raises SpeechUnavailable when the model does not load."""
        return self._listen(run, pre_record_s, search_s, time.monotonic() + limit_s)

    def _listen(
        self, run: Sequence[Inspected], pre_record_s: float | None, search_s: float, ends: float
    ) -> Heard:
        head = read_head(run, _reach_s(run, pre_record_s, search_s))
        if head.decoded_s == 0.0:
            return Heard("no_sound")
        first = first_sound_s(head.audio)
        if first is None:
            return Heard("silence", searched_s=min(search_s, len(head.audio) / RATE_HZ))
        button_s = pre_record_s if pre_record_s is not None else first
        audio = head.audio[: round((button_s + search_s) * RATE_HZ)]
        searched_s = len(audio) / RATE_HZ - button_s
        utterances = utterances_in(audio)
        if not utterances:
            return Heard("silence", button_s, searched_s=searched_s)
        return replace(self._search(audio, utterances, button_s, ends), searched_s=searched_s)

    def _search(self, audio: Audio, utterances: Sequence[Utterance], button_s: float, ends: float) -> Heard:
        best: Heard | None = None
        unsure_s = heard_s = 0.0
        for start_s, end_s in _pieces(utterances):
            if time.monotonic() > ends:
                return Heard("timeout", button_s, score=best.score if best else None)
            piece, found = self._understand(audio, start_s, end_s)
            piece, found = self._alone(audio, piece, found, utterances)
            heard_s += end_s - start_s
            unsure_s += 0.0 if piece.sure else end_s - start_s
            if found is None or found.cancelled is not None:
                continue
            outcome = _outcome(piece, found)
            heard = Heard(outcome, button_s, _begins(piece, found, utterances), found.words, found.score)
            if outcome == "declared":
                return heard
            if best is None or (heard.score or 0.0) > (best.score or 0.0):
                best = heard
        if best is not None and best.outcome == "unclear":
            return best
        # Where most of what was said could not be made out, nobody can say that no notice was given (G08).
        lost = unsure_s * 2 > heard_s
        return Heard("unclear" if lost else "nothing", button_s, score=best.score if best else None)

    def _understand(self, audio: Audio, start_s: float, end_s: float) -> tuple[Piece, Declaration | None]:
        """Recognise a stretch; again, slower, where only words of a notice were caught."""
        piece = self._recognise(audio, start_s, end_s)
        found = judge(piece.text)
        if found is not None and (found.cancelled is not None or _outcome(piece, found) == "declared"):
            return piece, found
        if not hints(piece.text) or end_s - start_s > _SLOWED_AT_MOST_S:
            return piece, found
        slower = self._recognise(audio, start_s, end_s, _SLOWER)
        again = judge(slower.text)
        if again is None or again.cancelled is not None:
            return piece, found
        better = found is None or again.score > found.score or (found.strange and not again.doubted)
        return (slower, again) if better else (piece, found)

    def _alone(
        self, audio: Audio, piece: Piece, found: Declaration | None, utterances: Sequence[Utterance]
    ) -> tuple[Piece, Declaration | None]:
        """A doubted declaration without what was said beyond the pauses around it, where there are any."""
        if found is None or found.cancelled is not None or not found.doubted:
            return piece, found
        start_s, end_s = _between_pauses(utterances, piece.starts_s[found.start])
        if start_s <= piece.start_s + _APART_S and end_s >= piece.end_s - _APART_S:
            return piece, found
        narrow = self._recognise(
            audio, max(piece.start_s, start_s - _PAD_S), min(piece.end_s, end_s + _PAD_S)
        )
        again = judge(narrow.text)
        if again is None or again.cancelled is not None or _outcome(narrow, again) != "declared":
            return piece, found
        return narrow, again

    def _recognise(self, audio: Audio, start_s: float, end_s: float, slower: float = 1.0) -> Piece:
        clip = _louder(audio[max(0, round(start_s * RATE_HZ)) : round(end_s * RATE_HZ)])
        if slower != 1.0:
            at = np.linspace(0, len(clip) - 1, int(len(clip) * slower))
            clip = np.interp(at, np.arange(len(clip)), clip).astype(np.float32)
        segments, _ = self._loaded().transcribe(
            clip,
            language="zh",
            beam_size=5,
            temperature=0.0,
            condition_on_previous_text=False,
            max_new_tokens=_MAX_TOKENS,
            word_timestamps=True,
        )
        text: list[str] = []
        starts: list[float] = []
        sure = True
        for segment in segments:
            sure = sure and segment.avg_logprob > _UNSURE_LOGPROB and segment.compression_ratio < _REPEATING
            for word in segment.words or ():
                text.append(word.word)
                starts += [start_s + float(word.start) / slower] * len(word.word)
            text.append(" ")
            starts.append(start_s + float(segment.end) / slower)
        joined = "".join(text)
        if len(joined.strip()) < _FEW_SYLLABLES_PER_S * (end_s - start_s - 2 * _PAD_S):
            sure = False
        return Piece(start_s, end_s, joined, tuple(starts), sure)

    def _loaded(self) -> Any:
        if self._model is None:
            from faster_whisper import WhisperModel

            try:
                self._model = WhisperModel(
                    str(self._path), device="cpu", compute_type="int8", cpu_threads=2, local_files_only=True
                )
            except (RuntimeError, ValueError, OSError) as error:
                raise SpeechUnavailable(f"the speech model does not load: {error}") from error
        return self._model


def _outcome(piece: Piece, found: Declaration) -> Outcome:
    wording = shipped_wording()
    if piece.sure and not found.doubted and found.score >= wording.confirm:
        return "declared"
    return "unclear" if found.score >= wording.doubt else "nothing"


def _reach_s(run: Sequence[Inspected], pre_record_s: float | None, search_s: float) -> float:
    """How much to decode: the first sound may come late, but not beyond a pre-record nobody told of."""
    lengths = [r.duration_s for r in run]
    whole = sum(length or 0.0 for length in lengths) if None not in lengths else float("inf")
    return min(whole + 1.0, search_s + (pre_record_s if pre_record_s is not None else search_s))


def _louder(audio: Audio) -> Audio:
    """Without its mean, and with its louder parts at a common level; never more than full scale."""
    centred = audio - np.float32(audio.mean()) if len(audio) else audio
    count = len(centred) // (RATE_HZ // 10)
    if not count:
        return centred
    blocks = centred[: count * (RATE_HZ // 10)].reshape(count, -1)
    level = float(np.percentile(np.sqrt(np.mean(blocks**2, axis=1)), 90))
    gain = min(_MAX_GAIN, max(1.0, _LOUD / max(level, 1e-6)))
    louder: Audio = np.clip(centred * np.float32(gain), -1.0, 1.0).astype(np.float32)
    return louder


def utterances_in(audio: Audio) -> list[Utterance]:
    """Where there is a voice, by the speech extra's voice activity.  Raises ImportError without the extra."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=0.3,
        min_speech_duration_ms=200,
        min_silence_duration_ms=_UTTERANCE_PAUSE_MS,
        speech_pad_ms=0,
    )
    found = get_speech_timestamps(_louder(audio), options)
    return [Utterance(one["start"] / RATE_HZ, one["end"] / RATE_HZ) for one in found]


def _pieces(utterances: Sequence[Utterance]) -> Iterator[tuple[float, float]]:
    """Stretches to recognise: neighbouring utterances together, long ones in overlapping parts; seconds."""
    start, end = utterances[0].start_s, utterances[0].end_s
    for one in utterances[1:]:
        if one.start_s - end > _NEW_PIECE_PAUSE_S or one.end_s - start > _PIECE_S:
            yield from _parts(start, end)
            start = one.start_s
        end = one.end_s
    yield from _parts(start, end)


def _parts(start_s: float, end_s: float) -> Iterator[tuple[float, float]]:
    while end_s - start_s > _PIECE_S:
        yield max(0.0, start_s - _PAD_S), start_s + _PIECE_S
        start_s += _PIECE_S - _OVERLAP_S
    yield max(0.0, start_s - _PAD_S), end_s + _PAD_S


def _between_pauses(utterances: Sequence[Utterance], at_s: float) -> tuple[float, float]:
    """From the last long pause before a moment to the first one after it; seconds."""
    at = max((i for i, u in enumerate(utterances) if u.start_s <= at_s + _PAD_S), default=0)
    first = last = at
    while first > 0 and utterances[first].start_s - utterances[first - 1].end_s < _APART_S:
        first -= 1
    while last + 1 < len(utterances) and utterances[last + 1].start_s - utterances[last].end_s < _APART_S:
        last += 1
    return utterances[first].start_s, utterances[last].end_s


def _begins(piece: Piece, found: Declaration, utterances: Sequence[Utterance]) -> float:
    """When the utterance with the declaration in it began."""
    said_s = piece.starts_s[found.start]
    before = [u.start_s for u in utterances if u.start_s <= said_s + _PAD_S and u.end_s > piece.start_s]
    began_s = before[-1] if before else said_s
    return began_s if said_s - began_s <= _LONGEST_LEAD_S else said_s
