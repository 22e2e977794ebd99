"""From where an IP address can be reached."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis.strategies import integers, ip_addresses

from memento_toolhub.servers.kit.addresses import Reach, reach


@pytest.mark.parametrize(
    "written", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "64:ff9b::5db8:d822"]
)
def test_an_address_of_the_public_internet_is_public(written: str) -> None:
    assert reach(ip_address(written)) is Reach.PUBLIC


@pytest.mark.parametrize(
    "written",
    [
        *("127.0.0.1", "127.255.0.9", "10.0.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255"),
        *("::1", "fc00::1", "fdff::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    ],
)
def test_an_address_of_this_machine_or_its_network_is_local(written: str) -> None:
    assert reach(ip_address(written)) is Reach.LOCAL


@pytest.mark.parametrize(
    "written",
    [
        *("0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
        *("255.255.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
        *("192.88.99.1", "100.100.100.200", "168.63.129.16"),
        *("::", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254", "::127.0.0.1"),
        *("2001:db8::1", "2002:7f00:1::", "2002:c0a8:101::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "3fff::1"),
        *("64:ff9b:1::7f00:1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "100::1", "5f00::1", "4000::1"),
    ],
)
def test_an_address_of_no_web_server_is_never_reached(written: str) -> None:
    assert reach(ip_address(written)) is Reach.NEVER


@given(ip_addresses(v=4))
def test_an_address_is_judged_alike_in_whatever_it_is_wrapped(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")
    translated = IPv6Address(int(IPv6Address("64:ff9b::")) | int(address))
    assert reach(mapped) is reach(translated) is reach(address)


@given(integers(0, 2**128 - 1).map(IPv6Address))
def test_what_is_outside_of_global_unicast_is_never_public(address: IPv6Address) -> None:
    inside = (
        int(address) >> 125 == 1 or address.ipv4_mapped or int(address) >> 32 == int(IPv6Address("64:ff9b::")) >> 32
    )
    assert inside or reach(address) is not Reach.PUBLIC
