"""What one run may take of the machine."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one run, all its processes taken together where nothing else is said.

    Attributes:
        memory: bytes in use; of one process also what it may ask for.
        tasks: processes and threads.
        disk: bytes of the workspace.
        files: files and folders of the workspace, and of the folders in memory.
        file: bytes of one file.
        open_files: of one process.
        output: bytes written to stdout and stderr.
        temporary: bytes each of /tmp and the home folder, which are in memory.
        shared: bytes of /dev/shm.
        seconds_between_looks: how often what it uses is looked at.
    """

    memory: int = 2048 * MB
    tasks: int = 256
    disk: int = 1024 * MB
    files: int = 20_000
    file: int = 512 * MB
    open_files: int = 512
    output: int = 50 * MB
    temporary: int = 256 * MB
    shared: int = 64 * MB
    seconds_between_looks: float = 0.05
