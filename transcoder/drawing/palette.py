"""Colours and words that every page shares.

Severities differ in shape and darkness as well as in colour: a case file is often printed in black and white.
"""

from __future__ import annotations

from transcoder.report import Depth, NoticeStatus, Severity, Verdict

INK, FAINT, RULE, PALE = "#1b2430", "#5f6b7a", "#c9d0d8", "#f1f4f7"
VIDEO, VIDEO_EDGE = "#9db8d2", "#47678a"
WAVE_PEAK, WAVE_RMS = "#b9cbbd", "#3f7f5a"
SPEECH = "#7a5ea8"
PLACE = ("#2f7d8c", "#a35d2a", "#5b7f2c", "#8a3f78", "#3f57a0", "#8c7a1f", "#a1423f", "#4d6b66")
GAP = "#c3272d"
SEVERITY = {
    Severity.VIOLATION: "#b3202a",
    Severity.REVIEW: "#d17b00",
    Severity.UNCHECKED: "#76828f",
    Severity.INFO: "#4a7bab",
}
SEVERITY_WORDS = {
    Severity.VIOLATION: "疑似违规 violation",
    Severity.REVIEW: "待复核 review",
    Severity.UNCHECKED: "未检查 unchecked",
    Severity.INFO: "提示 info",
}
VERDICT = {
    Verdict.COMPLIANT: ("#2e7d4f", "合规 Compliant", "合规 compliant"),
    Verdict.UNCHECKED: ("#76828f", "未检查 Unchecked", "未检查 unchecked"),
    Verdict.NEEDS_REVIEW: ("#d17b00", "待复核 Needs review", "待复核 needs review"),
    Verdict.VIOLATION: ("#b3202a", "疑似违规 Suspected violation", "疑似违规 violation"),
}
NOTICE = {
    NoticeStatus.CONFIRMED: ("#2e7d4f", "已告知 given"),
    NoticeStatus.LATE: ("#d17b00", "告知过晚 late"),
    NoticeStatus.UNCERTAIN: ("#d17b00", "不确定 uncertain"),
    NoticeStatus.ABSENT: ("#b3202a", "未告知 absent"),
    NoticeStatus.NO_SPEECH: ("#d17b00", "无人声 no speech"),
    NoticeStatus.NO_AUDIO: ("#b3202a", "无声音 no audio"),
    NoticeStatus.UNVERIFIED: ("#76828f", "未检查 unverified"),
    NoticeStatus.NOT_REQUIRED: ("#76828f", "无需告知 not required"),
}
DEPTH = {Depth.FAST: "快速 fast", Depth.STANDARD: "标准 standard", Depth.DEEP: "深入 deep"}
TROUBLE = {
    "crash": "读取程序意外退出 the reader failed",
    "memory": "所需内存超限 too much memory needed",
    "time": "超时，未全部测量 out of time, not all was measured",
    "size": "文件过大，未读取 larger than may be read",
    "unreadable": "文件无法读取 not readable",
    "missing": "未测量 not measured",
}
