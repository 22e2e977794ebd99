"""What can go wrong with a model. Every message names the model and the next step; none ever holds a key."""

from __future__ import annotations

from memento_memory.errors import MementoError


class ModelError(MementoError):
    """A model could not be used."""


class ModelSetupError(ModelError):
    """The model cannot be used as it is configured: no key, no such model, no package. Trying again does not help."""


class ModelUnavailableError(ModelError):
    """The model did not answer, after all retries: its server is down, overloaded or limits the rate."""


class InterruptedReplyError(ModelUnavailableError):
    """A reply broke off in the middle; asking again may help."""


class ContextLengthError(ModelError):
    """The request is longer than the model can read; a shorter one may do."""


class UnusableReplyError(ModelError):
    """What the model replied cannot be used, even after it was told what is wrong; another model may do."""


class RefusedError(ModelError):
    """The model declined to answer; the same request will be declined again."""


class ToolsRefusedError(ModelError):
    """The model or its endpoint takes no function calling; the same tools can be offered through a JSON schema."""
