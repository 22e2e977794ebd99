"""The system calls a sandbox does without: ways around its bounds that namespaces leave open."""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass

# Memory no process shows (files without a name, System V), keys of the caller's session, and doors to the kernel
# that ordinary programs do not use.
_REFUSED = (
    "memfd_create",
    "memfd_secret",
    "shmget",
    "semget",
    "msgget",
    "add_key",
    "request_key",
    "keyctl",
    "perf_event_open",
    "bpf",
    "userfaultfd",
    "io_uring_setup",
)
# AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Others pass by the network namespace: AF_VSOCK reaches the host of a machine.
_FAMILIES = (1, 2, 10, 16)


@dataclass(frozen=True, slots=True)
class _Machine:
    audit: int
    refused: tuple[int, ...]
    socket: int
    foreign: int | None = None


# Numbers from the kernel's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h,
# in the order of _REFUSED; `foreign` is the bit of x86's x32 calls.
_MACHINES = {
    "x86_64": _Machine(
        0xC000003E, (319, 447, 29, 64, 68, 248, 249, 250, 298, 321, 323, 425), socket=41, foreign=0x40000000
    ),
    "aarch64": _Machine(0xC00000B7, (279, 447, 194, 190, 186, 217, 218, 219, 241, 280, 282, 425), socket=198),
}

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


def seccomp_filter(machine: str) -> bytes | None:
    """The filter in the kernel's classic BPF, as bwrap takes it; None for an architecture without one here.

    Source: the kernel's Documentation/userspace-api/seccomp_filter.rst.
    """
    known = _MACHINES.get(machine)
    if known is None:
        return None
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_IF_EQUAL, known.audit, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if known.foreign is not None:
        steps += [_step(_IF_AT_LEAST, known.foreign, 0, 1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    for number in known.refused:
        steps += [_step(_IF_EQUAL, number, 0, 1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    steps += [_step(_IF_EQUAL, known.socket, 1, 0), _step(_RETURN, _ALLOW), _step(_LOAD, _FIRST_ARGUMENT)]
    for family in _FAMILIES:
        steps += [_step(_IF_EQUAL, family, 0, 1), _step(_RETURN, _ALLOW)]
    return b"".join([*steps, _step(_RETURN, _ERRNO | errno.EAFNOSUPPORT)])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
