"""The command `memento`."""

from __future__ import annotations

import atexit
import gc
import sys

_OFTEN_ENOUGH = 50_000  # objects made; at Python's 700, imports spend a fifth of their time on looking for cycles


def main() -> None:
    """Run the command line; what goes wrong on purpose is one line on stderr and exit status 1."""
    gc.set_threshold(_OFTEN_ENOUGH)
    atexit.register(gc.freeze)  # else the last thing Python does is half a second of looking for cycles to free
    from memento_memory.errors import MementoError
    from memento_server.cli import app
    from memento_toolhub.errors import HubError

    try:
        app()
    except (MementoError, HubError) as error:
        sys.exit(f"memento: {error}")
    except BaseExceptionGroup as group:  # what a client's task group makes of any error inside it
        mistakes, _ = group.split((MementoError, HubError))
        if mistakes is None:
            raise
        sys.exit(f"memento: {_first(mistakes)}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader, such as `head`, has what it wanted
        sys.exit(0)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    main()
