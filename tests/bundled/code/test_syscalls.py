"""The system call filter of every architecture, run by a small machine for the kernel's classic BPF."""

from __future__ import annotations

import struct

import pytest

from memento_toolhub.servers.code.syscalls import seccomp_filter

X86, ARM, I386 = 0xC000003E, 0xC00000B7, 0x40000003
ALLOWED, KILLED, ABSENT, NO_FAMILY = 0x7FFF0000, 0x80000000, 0x00050000 | 38, 0x00050000 | 97


def verdict(program: bytes, architecture: int, number: int, first: int = 0) -> int:
    """What the filter returns for one call: a `struct seccomp_data`."""
    data = struct.pack("=IIQQ", number, architecture, 0, first)
    steps = list(struct.iter_unpack("=HBBI", program))
    at = held = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == 0x20:
            (held,) = struct.unpack_from("=I", data, value)
        elif code == 0x15:
            at += if_true if held == value else if_false
        elif code == 0x35:
            at += if_true if held >= value else if_false
        else:
            assert code == 0x06
            return int(value)


@pytest.mark.parametrize(
    ("machine", "architecture", "memfd", "keyctl", "socket", "ordinary"),
    [("x86_64", X86, 319, 250, 41, (0, 1, 59, 435)), ("aarch64", ARM, 279, 219, 198, (63, 64, 221, 435))],
)
def test_a_filter_refuses_what_it_names_and_nothing_else(
    machine: str, architecture: int, memfd: int, keyctl: int, socket: int, ordinary: tuple[int, ...]
) -> None:
    program = seccomp_filter(machine)
    assert program
    assert {verdict(program, architecture, number) for number in (memfd, keyctl, 425, 447)} == {ABSENT}
    assert {verdict(program, architecture, number) for number in ordinary} == {ALLOWED}
    assert {verdict(program, architecture, socket, family) for family in (1, 2, 10, 16)} == {ALLOWED}
    assert {verdict(program, architecture, socket, family) for family in (0, 17, 38, 40)} == {NO_FAMILY}
    assert verdict(program, I386, ordinary[0]) == KILLED


def test_calls_of_x32_are_refused_whatever_they_are() -> None:
    program = seccomp_filter("x86_64")
    assert program
    assert {verdict(program, X86, 0x40000000 + number) for number in (0, 1, 319)} == {ABSENT}


def test_an_architecture_without_a_filter_is_told_from_one_with() -> None:
    assert seccomp_filter("riscv64") is None
