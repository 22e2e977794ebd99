"""The command `memento`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; what goes wrong on purpose is one line on stderr and exit status 1."""
    from memento_memory.errors import MementoError
    from memento_server.cli import app

    try:
        app()
    except MementoError as error:
        sys.exit(f"memento: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader, such as `head`, has what it wanted
        sys.exit(0)


if __name__ == "__main__":
    main()
