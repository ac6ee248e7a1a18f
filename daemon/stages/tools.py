"""What the stages that make revisions work with."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.custody import Custody
from daemon.stages.inspecting import Inspects, RequestMaker
from daemon.store import Store
from daemon.tagrules import TagRules
from dock.profiles import Profiles


@dataclass(frozen=True)
class StageTools:
    """Shared by the stages of one worker.  `rules`: how tags are made; None: as shipped."""

    store: Store
    custody: Custody
    maker: RequestMaker
    inspector: Inspects
    profiles: Profiles
    rules: TagRules | None = None
