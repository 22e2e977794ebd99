"""Which plan a host is carrying out, so that a call that names none still counts for it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from mcp.server import ServerRequestContext

from memento_toolhub.wire.flight import host_key
from memento_toolhub.wire.seams import host_connection

_MOST_HOSTS = 1000
META_PLAN = "memento/plan_id"
META_SUBTASK = "memento/subtask"


class OpenPlans:
    """The plan each host opened last and has not recorded an outcome for.

    Over HTTP without sessions hosts are told apart by their client information; where several plans are open under the
    same one, none is assumed.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[object, list[str]] = OrderedDict()

    def opened(self, ctx: ServerRequestContext[Any, Any], plan_id: str) -> None:
        """Note that a host was given a plan."""
        key, sure = _key(ctx)
        if key is None:
            return
        plans = self._open.setdefault(key, [])
        if sure:
            plans.clear()
        plans.append(plan_id)
        self._open.move_to_end(key)
        while len(self._open) > _MOST_HOSTS:
            self._open.popitem(last=False)

    def closed(self, plan_id: str) -> None:
        """Note that the outcome of a plan is recorded."""
        for key, plans in list(self._open.items()):
            if plan_id in plans:
                plans.remove(plan_id)
                if not plans:
                    del self._open[key]

    def of(self, ctx: ServerRequestContext[Any, Any], given: str = "") -> tuple[str, int | None]:
        """The plan and the step that a call belongs to: as given, by `_meta`, or the host's open plan."""
        meta: dict[str, Any] = dict(ctx.meta or {})
        step = meta.get(META_SUBTASK)
        subtask = step if isinstance(step, int) and not isinstance(step, bool) else None
        named = given or meta.get(META_PLAN)
        if isinstance(named, str) and named:
            return named, subtask
        plans = self._open.get(_key(ctx)[0], [])
        return (plans[0] if len(plans) == 1 else ""), subtask


def _key(ctx: ServerRequestContext[Any, Any]) -> tuple[object, bool]:
    """Who the host is, None where that cannot be told, and whether nobody else can be."""
    if ctx.request is None:
        return host_key(ctx), True
    session_id = host_connection(ctx).session_id
    if session_id is not None:
        return session_id, True
    declared = ctx.session.client_params
    return (declared.client_info.name, declared.client_info.version) if declared else None, False
