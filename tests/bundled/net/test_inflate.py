"""Bodies decompressed a piece at a time."""

from __future__ import annotations

import gzip
import zlib
from itertools import islice

import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, sampled_from

from bundled.web.site import bomb, zipped
from memento_toolhub.servers.kit.inflate import Inflate

ENCODINGS = ("gzip", "deflate", "raw-deflate")


def inflated(packed: bytes, encoding: str, step: int) -> bytes:
    inflate = Inflate(encoding.removeprefix("raw-"))
    parts = [packed[at : at + step] for at in range(0, len(packed), step)]
    body = b"".join(piece for part in parts for piece in inflate.pieces(part))
    inflate.end()
    return body


@given(binary(max_size=3_000).map(lambda some: some * 50), sampled_from(ENCODINGS), integers(2, 5_000))
def test_what_was_compressed_comes_back_in_whatever_parts_it_arrives(body: bytes, encoding: str, step: int) -> None:
    packed = zipped(body, encoding).body
    assert isinstance(packed, bytes)
    assert inflated(packed, encoding, step) == body


@given(binary(max_size=200), binary(max_size=200), integers(1, 50))
def test_members_that_follow_each_other_are_joined_and_what_means_nothing_is_left_out(
    one: bytes, other: bytes, step: int
) -> None:
    packed = gzip.compress(one) + gzip.compress(other)
    assert inflated(packed, "gzip", step) == one + other
    assert inflated(packed + b"\0" * 20, "gzip", step) == one + other


def test_a_body_without_compression_stays_as_it_is() -> None:
    assert inflated(b"plain", "", 2) == inflated(b"plain", "identity", 2) == b"plain"


def test_a_bomb_comes_in_small_pieces() -> None:
    packed = bomb(50).body
    assert isinstance(packed, bytes)
    assert [len(piece) for piece in islice(Inflate("gzip").pieces(packed), 5)] == [65_536] * 5


def test_a_body_that_is_cut_off_or_damaged_is_an_error() -> None:
    packed = gzip.compress(b"some words of a page" * 10)
    with pytest.raises(zlib.error, match="cut off"):
        inflated(packed[:-9], "gzip", 10)
    with pytest.raises(zlib.error):
        inflated(packed[:20] + b"\xff" * 20 + packed[40:], "gzip", 100)


def test_an_encoding_that_was_not_asked_for_is_an_error() -> None:
    with pytest.raises(ValueError, match="'br' was not asked for"):
        Inflate("br")
