"""Which IP addresses the whole internet shares, and which mean something else on every machine and network."""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_network

IPAddress = IPv4Address | IPv6Address


class Reach(Enum):
    """From where an address can be reached."""

    PUBLIC = "public"
    LOCAL = "local"
    """This machine or a private network: a person may allow it."""
    NEVER = "never"
    """Links, groups, tunnels, cloud metadata, and what is no host at all."""


_METADATA = frozenset(
    {
        "100.100.100.200",
        "168.63.129.16",
        "169.254.169.254",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    }
)
"""Where clouds tell their machines secrets."""
_LOCAL = tuple(
    map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
_NOT_PUBLIC = tuple(
    map(
        ip_network,
        # Protocol assignments, 6to4 relays, benchmarks; Teredo and its neighbours, documentation, 6to4.
        ("192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_PUBLIC_V6 = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")


def reach(address: IPAddress) -> Reach:
    """From where an address can be reached; one that carries an IPv4 address is judged by that one.

    Source: the special-purpose address registries of IANA (RFC 6890), RFC 6052 and RFC 4291.
    """
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return Reach.NEVER
        if address.ipv4_mapped is not None:
            return reach(address.ipv4_mapped)
        if address in _NAT64:
            return reach(IPv4Address(int(address) & 0xFFFFFFFF))
    if str(address) in _METADATA or address.is_multicast or address.is_link_local or address.is_unspecified:
        return Reach.NEVER
    if address == IPv6Address("::1") or any(address in network for network in _LOCAL):
        return Reach.LOCAL
    if not address.is_global or any(address in network for network in _NOT_PUBLIC):
        return Reach.NEVER
    return Reach.PUBLIC if address.version == 4 or address in _PUBLIC_V6 else Reach.NEVER
