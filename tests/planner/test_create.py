"""From a setting to a model, with the key that belongs to it and to nobody else."""

from __future__ import annotations

import anyio
import pytest

from memento_planner.models.chat import Message, Request, Role
from memento_planner.models.create import create
from memento_planner.models.errors import ModelSetupError
from memento_planner.models.spec import ModelSpec
from planner.openai_talk import said
from planner.wire_server import WireServer

KEYS = {"OPENAI_API_KEY": "sk-of-openai-0123", "ANTHROPIC_API_KEY": "sk-ant-of-anthropic"}
ASK = Request("", (Message(Role.USER, "Say hello"),))


@pytest.mark.parametrize("own", ["", "key-of-the-endpoint"])
def test_an_endpoint_of_somebody_else_gets_its_own_key_or_none(own: str) -> None:
    async def ask(url: str) -> None:
        model = create(ModelSpec("openai", "m", f"{url}/v1"), {**KEYS, "MEMENTO_MODEL_KEY": own})
        await model.complete(ASK)
        await model.aclose()

    with WireServer([said("hello")]).running() as server:
        anyio.run(ask, server.url)
        [(_, headers, _)] = server.requests
    assert not any(key in value for key in KEYS.values() for value in headers.values())
    assert own in headers["authorization"]


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_providers_own_model_needs_the_key_of_that_provider(kind: str) -> None:
    variable = f"{kind.upper()}_API_KEY"
    others = {name: key for name, key in KEYS.items() if name != variable} | {"MEMENTO_MODEL_KEY": "another"}
    with pytest.raises(ModelSetupError, match=f"set {variable}"):
        create(ModelSpec(kind, "m"), others)
    assert create(ModelSpec(kind, "m"), KEYS).name == f"{kind}:m"


def test_the_hosts_model_cannot_be_made_here() -> None:
    with pytest.raises(ModelSetupError, match="name another one"):
        create(ModelSpec("host"), KEYS)
