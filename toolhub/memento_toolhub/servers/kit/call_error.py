"""Why a tool does not do what was asked."""


class CallError(Exception):
    """A tool cannot do what was asked; the message names the argument at fault and the way out.

    `ToolServer` answers it as it answers the SDK's ToolError. It is none, because the processes that do the work would
    take a second longer to start with the SDK, of which they need nothing else.
    """
