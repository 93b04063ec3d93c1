"""Where our server may connect to. A strict URL parser, host patterns, and our own rule for public addresses.

``ipaddress.is_private`` and ``is_global`` are no such rule: they let NAT64, 6to4 and IPv4-compatible forms of inner
addresses pass, and single public addresses that are a cloud's inside (OWASP SSRF Prevention Cheat Sheet).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Resolver = Callable[[str, int], list[str]]

# The whole of IPv4 but these (IANA Special-Purpose Address Registry, and 168.63.129.16: Azure's host agent).
_INNER_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
            "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
            "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)  # fmt: skip
# Of IPv6 only global unicast, without tunnels and translations into IPv4 (Teredo, 6to4), ORCHID and examples.
_OUTER_V6 = IPv6Network("2000::/3")
_INNER_V6 = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20"))
)

_PRINTABLE = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # ASCII without space, quotes, <>, backslash, ^, `, {|}
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]+)(?P<target>[^#]*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label like this makes resolvers read the name as an address
LONGEST_URL = 4096


class Refused(OSError):
    """A URL or an address that we don't connect to. The text names the rule and never the URL."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. ``host`` is lower case and without brackets, ``path`` is what goes on the request line."""

    scheme: str
    host: str
    port: int
    path: str


def parse(url: str, *, plain: bool = False, any_port: bool = False) -> Target:
    """The parts of an absolute URL, or ``Refused``. ``plain``: http is allowed too.

    Strict on purpose: whatever two parsers could read differently is refused.
    """
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url):
        raise Refused("not a plain URL")
    found = _URL.fullmatch(url)
    if found is None:
        raise Refused("not an absolute https URL")
    scheme = found["scheme"].lower()
    if scheme != "https" and not plain:
        raise Refused("not https")
    authority = _AUTHORITY.fullmatch(found["authority"])
    if authority is None:
        raise Refused("odd characters in the host")
    default = 443 if scheme == "https" else 80
    port = int(authority["port"]) if authority["port"] else default
    if port != default and not (any_port and 0 < port < 65536):
        raise Refused("port not allowed")
    path = found["target"]
    return Target(scheme, _host(authority["host"].lower()), port, path if path.startswith("/") else f"/{path}")


def _host(text: str) -> str:
    """An IP address in its canonical form, or a DNS name."""
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1]))
        except ValueError:
            raise Refused("not an IPv6 address") from None
    labels = text.split(".")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused("not a host name")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(text))
        except ValueError:
            raise Refused("not an IPv4 address") from None
    return text


def host_allowed(host: str, patterns: Iterable[str]) -> bool:
    """Whether ``host`` is one of ``patterns``: a name, or ``*.name`` for everything under it."""
    for pattern in map(str.lower, patterns):
        if host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:])):
            return True
    return False


def is_public(address: str) -> bool:
    """Whether ``address`` is in the open internet: nothing local, inner, reserved, tunnelled or translated."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _INNER_V4)
    return ip in _OUTER_V6 and ip.scope_id is None and not any(ip in network for network in _INNER_V6)


def system_resolver(host: str, port: int) -> list[str]:
    """All addresses of a name. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def addresses(host: str, port: int, *, resolve: Resolver, allow_private: bool = False) -> list[str]:
    """The addresses to connect to, resolved once. ``Refused`` when a single one of them is not public."""
    found = [host] if _is_address(host) else resolve(host, port)
    if not found:
        raise Refused("the name has no address")
    if not allow_private and not all(map(is_public, found)):
        raise Refused("the address is not public")
    return found


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
