"""`is_public(address)`: whether an address may be somebody's on the internet, and nobody's in this network.

Only what is allocated for global unicast is public, by IANA's registries of special addresses and not by the standard
library's, which differ from one Python to the next. An IPv6 address that carries one of IPv4 is where that one is.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# https://www.iana.org/assignments/iana-ipv4-special-registry
_SPECIAL_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared by the customers of a carrier, and Tailscale's
            "127.0.0.0/8",
            "169.254.0.0/16",  # metadata of clouds
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
# https://www.iana.org/assignments/ipv6-address-space: what is outside of this is reserved, local or multicast.
_GLOBAL_6 = IPv6Network("2000::/3")
# https://www.iana.org/assignments/iana-ipv6-special-registry, within that
_SPECIAL_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols: Teredo, benchmarks, ORCHID
            "2001:db8::/32",
            "2002::/16",  # 6to4, whose relays may be anybody's (RFC 7526)
            "3ffe::/16",
            "3fff::/20",
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: how networks without IPv4 reach it; its local twin is 64:ff9b:1::/48
_MAPPED = IPv6Network("::ffff:0:0/96")
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214, 6.1: an interface identifier that is an IPv4 address


def is_public(address: str) -> bool:
    """`address` is as the socket module has it. One that names a zone is local; what cannot be read is not public."""
    try:
        parsed = ip_address(address)
    except (AddressValueError, ValueError):
        return False
    return _is_public_4(parsed) if isinstance(parsed, IPv4Address) else _is_public_6(parsed)


def _is_public_4(address: IPv4Address) -> bool:
    return not any(address in network for network in _SPECIAL_4)


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    embedded = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or address in _MAPPED:
        return _is_public_4(embedded)
    if address not in _GLOBAL_6 or any(address in network for network in _SPECIAL_6):
        return False
    is_isatap = int(address) >> 32 & 0xFFFFFFFF in _ISATAP
    return _is_public_4(embedded) if is_isatap else True
