"""A dock without devices and broker, to be killed again and again by `tests.daemon.killing`."""

from __future__ import annotations

from pathlib import Path

from daemon.parts import Parts, open_parts
from daemon.settings import DockSettings, InspectionSettings, Settings, SlotSettings
from daemon.stages.claims import Claims
from daemon.stages.first import FirstStage
from daemon.stages.inspecting import RequestMaker
from daemon.stages.retag import RetagStage
from daemon.stages.standard import StandardStage
from daemon.stages.told import ToldStage
from daemon.stages.tools import StageTools
from daemon.worker import Stage
from tests.daemon.conftest import Dock
from tests.daemon.killing import serve
from tests.daemon.making import Card, FakeInspector, tools_of


def settings(folder: Path) -> Settings:
    return Settings(
        dock=DockSettings(id="dock-1", site="xlt", state=folder / "state"),
        slots=[SlotSettings(number=1, ports=["p"])],
        inspection=InspectionSettings(speech=False),
    )


def card_in(folder: Path) -> Card:
    """Return the card as it is plugged in now."""
    seen = folder / "sys" / "diskseq"
    return Card(folder, diskseq=int(seen.read_text()) if seen.exists() else 1)


def work(folder: Path) -> None:
    """What a daemon does from its start until there is nothing left to do."""
    parts = open_parts(settings(folder))
    card = card_in(folder)
    dock = Dock(folder, parts.store, parts.custody, parts.ledger, parts.vault)
    job = card.job(tools_of(dock, reserve_bytes=1 << 20))
    for row in parts.ledger.open_dockings():  # as the slot keeper does
        if row["attachment"] != card.volume.attachment:
            parts.ledger.close(row["docking"], removed=True)
    job.run()
    run_stages(parts)
    parts.store.close()


def run_stages(parts: Parts) -> None:
    inspector = FakeInspector()
    maker = RequestMaker(parts.vault, parts.settings.inspection)
    tools = StageTools(parts.store, parts.custody, maker, inspector, parts.profiles)
    stages: list[Stage] = [
        FirstStage(tools),
        StandardStage(tools, Claims()),
        RetagStage(parts.store, parts.custody),
        ToldStage(parts.store, parts.custody),
    ]
    while any(stage.step() for stage in stages):
        pass


if __name__ == "__main__":
    serve(work)
