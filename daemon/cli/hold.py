"""`bodydock hold ID`: keep a recording, whatever else holds."""

from __future__ import annotations

from pathlib import Path

import click

from daemon.cli.common import act, json_option, settings_option


@click.command()
@click.argument("recording")
@click.option("--reason", required=True, help="理由 Why it is kept.")
@settings_option
@json_option
def hold(recording: str, reason: str, settings_file: Path, as_json: bool) -> None:
    """Put RECORDING on hold: it is not cleared until two persons release it.

    \b
    bodydock hold k3jq --reason "当事人申请复议 the party has appealed"
    """
    act(settings_file, "hold", as_json, recording=recording, reason=reason)
