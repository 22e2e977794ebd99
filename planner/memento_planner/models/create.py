"""From a setting to a model; the only place where a provider's SDK comes in, and only when its model is wanted."""

from __future__ import annotations

from collections.abc import Mapping

from memento_planner.models.chat import ChatModel
from memento_planner.models.errors import ModelSetupError
from memento_planner.models.spec import ModelSpec, key_variable


def create(spec: ModelSpec, environment: Mapping[str, str]) -> ChatModel:
    """The model of a setting; the host's own has to be made where the host is.

    Args:
        environment: where the keys are: ANTHROPIC_API_KEY, OPENAI_API_KEY, and MEMENTO_MODEL_KEY for an endpoint that
            is named by its address.

    Raises:
        ModelSetupError: if a key, a package or a file is missing; the message says what to do.
    """
    if spec.kind == "local":
        from memento_planner.models.local import LocalModel, find_weights

        return LocalModel(find_weights(spec.model), name=str(spec))
    if spec.kind == "host":
        raise ModelSetupError(
            "the model 'host' is the one of an MCP host that declares sampling; on the command line name another one"
        )
    variable = "ANTHROPIC_API_KEY" if spec.kind == "anthropic" else key_variable(spec.base_url)
    key = environment.get(variable, "")
    if not key and not spec.base_url:
        raise ModelSetupError(f"{spec}: there is no key; set {variable}, or choose a model that needs none (local:…)")
    if spec.kind == "anthropic":
        from memento_planner.models.anthropic import AnthropicModel

        return AnthropicModel(spec.model, key=key)
    from memento_planner.models.openai import OpenAIModel

    return OpenAIModel(spec.model, key=key, base_url=spec.base_url or None)
