"""Write an OLE compound file, as Outlook and old Office do, after Microsoft's description of the format, [MS-CFB]."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import pairwise

_SECTOR, _SMALL, _CUTOFF = 512, 64, 4096
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_ROOT, _STORAGE, _STREAM = 5, 1, 2


def _padded(data: bytes, size: int, filler: bytes = b"\0") -> bytes:
    return data + filler * (-len(data) % size)


def _chain(table: list[int], length: int) -> int:
    """Append the links of a stream of so many sectors; returns where it starts."""
    start = len(table)
    table += [*range(start + 1, start + length), _END] if length else []
    return start if length else _END


def ole_file(streams: Mapping[str, bytes]) -> bytes:
    """A compound file of streams by path, with at most one level of folders."""
    nodes: list[tuple[str, int, bytes, list[int]]] = [("Root Entry", _ROOT, b"", [])]
    folders: dict[str, int] = {}
    for path, data in streams.items():
        folder, _, name = path.rpartition("/")
        if folder and folder not in folders:
            folders[folder] = len(nodes)
            nodes[0][3].append(len(nodes))
            nodes.append((folder, _STORAGE, b"", []))
        nodes[folders.get(folder, 0)][3].append(len(nodes))
        nodes.append((name, _STREAM, data, []))

    fat: list[int] = []
    small_fat: list[int] = []
    body, small = b"", b""
    places: list[tuple[int, int]] = []
    for _, _, data, _ in nodes:
        if len(data) < _CUTOFF:
            places.append((_chain(small_fat, -(-len(data) // _SMALL)), len(data)))
            small += _padded(data, _SMALL)
        else:
            places.append((_chain(fat, -(-len(data) // _SECTOR)), len(data)))
            body += _padded(data, _SECTOR)

    def add(data: bytes, filler: bytes = b"\0") -> int:
        nonlocal body
        full = _padded(data, _SECTOR, filler)
        body += full
        return _chain(fat, len(full) // _SECTOR)

    places[0] = (add(small), len(small))
    small_fat_at = add(struct.pack(f"<{len(small_fat)}I", *small_fat), b"\xff")
    directory_at = add(b"".join(_entries(nodes, places)))
    count = 1
    while count * _SECTOR // 4 < len(fat) + count:
        count += 1
    fat_at = len(fat)
    fat += [_FAT] * count
    body += _padded(struct.pack(f"<{len(fat)}I", *fat), _SECTOR, b"\xff")
    small_sectors = -(-len(small_fat) * 4 // _SECTOR)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, count, directory_at, 0, _CUTOFF, small_fat_at, small_sectors, _END, 0)
    table = [*range(fat_at, fat_at + count)]
    return head + struct.pack("<109I", *table, *[_FREE] * (109 - count)) + body


def _entries(nodes: list[tuple[str, int, bytes, list[int]]], places: list[tuple[int, int]]) -> list[bytes]:
    """Directory entries; the children of a folder are a list that hangs to the right, in the order names are sorted."""
    right = [_FREE] * len(nodes)
    child = [_FREE] * len(nodes)
    for at, (_, _, _, below) in enumerate(nodes):
        order = sorted(below, key=lambda n: (len(nodes[n][0]), nodes[n][0].upper()))
        child[at] = order[0] if order else _FREE
        for one, after in pairwise(order):
            right[one] = after
    found = []
    for at, (name, kind, _, _) in enumerate(nodes):
        wide = name.encode("utf-16-le") + b"\0\0"
        start, size = places[at] if kind != _STORAGE else (0, 0)
        entry = wide.ljust(64, b"\0") + struct.pack("<HBB", len(wide), kind, 1)
        entry += struct.pack("<III", _FREE, right[at], child[at]) + bytes(36) + struct.pack("<IQ", start, size)
        found.append(entry)
    return found
