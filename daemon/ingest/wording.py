"""What a slot says to the person in front of it: plain Chinese first, then English.  Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from daemon.ingest.fullness import FullCard

Text = dict[str, str]

_NAMES = 3
_NAME_CHARACTERS = 40
# Names come from the card: what could steer a terminal or a table is shown as a dot.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\[\]\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

SEEN: Text = {"zh": "已识别记录仪，请勿拔出", "en": "camera seen, do not unplug"}
READING: Text = {"zh": "正在读取，请勿拔出", "en": "reading the card, do not unplug"}
PULLING: Text = {"zh": "正在采集，请勿拔出", "en": "copying, do not unplug"}
SAFE: Text = {"zh": "采集完成，可以取走", "en": "done, safe to take"}
CHECKING: Text = {
    "zh": "可以取走；留在卡位上则继续逐字节核对已采集的文件",
    "en": "safe to take; as long as it stays, known files are read again to prove them",
}
PARTLY: Text = {
    "zh": "采集完成，可以取走；但有分区无法读取，请告知管理员",
    "en": "done, safe to take; but one volume cannot be read: tell the administrator",
}
MAKING_ROOM: Text = {"zh": "正在腾出空间，请勿拔出", "en": "making room, do not unplug"}
NO_ROOM: Text = {
    "zh": "采集站存储已满，请勿拔出，请联系管理员",
    "en": "the dock is full: leave the camera in, call the administrator",
}
NO_FILE_SYSTEM: Text = {
    "zh": "无法识别存储卡，请联系管理员",
    "en": "no file system on the card: call the administrator",
}
UNREADABLE: Text = {
    "zh": "存储卡无法读取，请联系管理员",
    "en": "the card cannot be read: call the administrator",
}
DIRECTORY_UNREADABLE: Text = {
    "zh": "卡位目录无法读取，请联系管理员",
    "en": "the slot's directory cannot be read: call the administrator",
}
TROUBLE: Text = {"zh": "采集出错，正在重试，请勿拔出", "en": "copying failed, trying again, do not unplug"}
WEAK_SUPPLY: Text = {
    "zh": "采集站供电不足，逐台采集，正在排队，请勿拔出",
    "en": "weak power supply: cameras are copied one after the other, waiting, do not unplug",
}
UNSTABLE: Text = {
    "zh": "记录仪连接不稳定，请换一根线或卡位",
    "en": "the connection breaks again and again: try another cable or slot",
}
EXPECTED: Text = {
    "zh": "已连接，等待存储卡或磁盘",
    "en": "camera present, disk expected",
}
PICTURE_MODE: Text = {
    "zh": "USB模式不对（照相机/MTP模式），请将记录仪设为U盘模式",
    "en": "wrong USB mode (pictures, MTP): set the camera to mass storage",
}
NO_DISK_MODE: Text = {
    "zh": "USB模式不对（仅充电或无存储），请将记录仪设为U盘模式",
    "en": "wrong USB mode (charging only): set the camera to mass storage",
}
SETTLING: Text = {"zh": "等待文件写完", "en": "waiting until all files are there"}


def pulling(missing: Sequence[str]) -> Text:
    """Return what a slot says while it copies; `missing`: what was not copied at the last docking."""
    if not missing:
        return PULLING
    return {
        "zh": f"上次提前拔出，{_files_zh(missing)}未采集，正在补采，请勿拔出",
        "en": f"removed early last time, {_files_en(missing)} missing; copying, do not unplug",
    }


def safe(text: Text, missing: Sequence[str], lost: Sequence[str]) -> Text:
    """Return `text` with what became of the files that were missing: `lost` are not on the card any more."""
    if lost:
        return {
            "zh": f"{text['zh']}；上次未采集的{_files_zh(lost)}已不在卡上，请告知管理员",
            "en": f"{text['en']}; {_files_en(lost)} missing last time not on the card any more: "
            "tell the administrator",
        }
    if missing:
        return {
            "zh": f"{text['zh']}；上次缺少的{_files_zh(missing)}已补齐",
            "en": f"{text['en']}; {_files_en(missing)} missing last time copied now",
        }
    return text


def card_full(text: Text, full: FullCard) -> Text:
    """Return `text` with the warning that the camera will soon refuse to record."""
    percent = int(full.free_share * 100)
    locked_zh = f"，其中锁定文件{full.locked}个" if full.locked else ""
    locked_en = f", {full.locked} locked files on it" if full.locked else ""
    return {
        "zh": f"{text['zh']}；存储卡将满（剩余{percent}%{locked_zh}），请告知管理员清理",
        "en": f"{text['en']}; the card is nearly full ({percent} % free{locked_en}): tell the administrator",
    }


def unread(text: Text, names: Sequence[str]) -> Text:
    """Return `text`, and what is on the card still because it could not be read."""
    if not names:
        return text
    return {
        "zh": f"{text['zh']}；但有{_files_zh(names)}未能读出，请勿格式化存储卡，请交管理员",
        "en": f"{text['en']}; but {_files_en(names)} could not be read: do not format the card,"
        " take it to the administrator",
    }


def _files_zh(names: Sequence[str]) -> str:
    return f"{len(names)}个文件（{_shown(names)}{'等' if len(names) > _NAMES else ''}）"


def _files_en(names: Sequence[str]) -> str:
    files = "1 file" if len(names) == 1 else f"{len(names)} files"
    return f"{files} ({_shown(names)}{' …' if len(names) > _NAMES else ''})"


def _shown(names: Sequence[str]) -> str:
    return ", ".join(_safe(name.rpartition("/")[2]) for name in names[:_NAMES])


def _safe(name: str) -> str:
    return _UNSAFE.sub("·", name)[:_NAME_CHARACTERS]
