"""The learner as a process: `python -m memento_memory.learning BANK`. It logs to stderr and writes nothing else."""

from __future__ import annotations

import logging
import sys
from pathlib import Path


def main() -> None:
    """Learn once and end; status 1 if nothing could be learned."""
    from memento_memory.errors import MementoError
    from memento_memory.learning.learner import learn
    from memento_memory.learning.spawn import lower_priority
    from memento_memory.store.database import Database

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    if len(sys.argv) != 2:
        sys.exit("usage: python -m memento_memory.learning BANK")
    lower_priority()
    try:
        database = Database(Path(sys.argv[1]))
        try:
            learn(database)
        finally:
            database.close()
    except MementoError as error:
        sys.exit(f"memento: {error}")


if __name__ == "__main__":
    main()
