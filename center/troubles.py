"""What is wrong at the center and wants a person: names, words, and how each one ends.  Pure.

- What the broker tells (rights, connection) stands until the broker tells otherwise.
- What somebody did to a transfer stands for a day after the last time.
- Chinese first, then English; `detail` (a topic, a dock's words) is added where it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

FADES_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class Trouble:
    """`fades`: it stands for a day after the last time, else until it is cleared."""

    zh: str
    en: str
    severity: str = "critical"
    fades: bool = False


TROUBLES: dict[str, Trouble] = {
    "forged_bytes": Trouble(
        "收到的字节与签名清单不符：传输中损坏，或另有人向该主题写入。请检查代理服务器的权限",
        "bytes came that the signed manifest does not name: damaged on the way, or somebody else writes to"
        " the topic. The dock sends them anew; check the broker's rights (docs/brokers.md)",
        fades=True,
    ),
    "transfers_pushed_out": Trouble(
        "某采集站同时打开的传输过多，最久未动的被放弃：可能有人伪造。请检查代理服务器的权限",
        "a dock has too many transfers open, the one that rested longest began anew: somebody may make them"
        " up. Check the broker's rights (docs/brokers.md)",
        "warning",
        fades=True,
    ),
    "evidence_dropped": Trouble(
        "被拒消息过多，隔离区只保留最早和最新的",
        "more was refused than the quarantine holds: the first and the newest are kept"
        " (`bodydock center counters`, limits.quarantine_* in center.toml)",
        "warning",
        fades=True,
    ),
    "broker_refuses_subscription": Trouble(
        "代理服务器不许平台订阅：收不到任何采集站的数据。请检查权限文件",
        "the broker does not let the platform subscribe: nothing is received from any dock. See the acl file"
        " (`bodydock center broker DIR`, then have the broker read it)",
    ),
    "broker_refuses_publish": Trouble(
        "代理服务器不许平台发布：采集站收不到回执。请检查权限文件",
        "the broker does not let the platform publish: docks get no receipts. See the acl file"
        " (`bodydock center broker DIR`, then have the broker read it)",
    ),
    "broker_unreachable": Trouble("连不上代理服务器", "there is no connection to the broker"),
    "not_running": Trouble(
        "平台接收程序未运行", "the receiver does not run: `bodydock center run` (systemctl start)"
    ),
    "nothing_heard": Trouble(
        "已连接，但未收到任何采集站的消息：可能没有读取权限",
        "connected, but nothing was heard from any enrolled dock: the right to read may be missing"
        " (`bodydock center broker DIR`, then have the broker read it)",
        "warning",
    ),
}
NOT_RUNNING = "not_running"  # told by who reads: nobody else could
NOT_RUNNING_AFTER = timedelta(minutes=2)
FADING = frozenset(name for name, trouble in TROUBLES.items() if trouble.fades)
