"""All outgoing HTTP: ``HttpClient`` for the APIs, ``fetch`` for pictures. Nothing else in the package may call out.

A POST that costs money is sent once. When it fails, the error says whether a byte of it had left: if not, it was not
charged; if so, nobody knows.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urljoin

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from tryon import __version__
from tryon.providers import ssrf
from tryon.providers.answers import SMALL_ANSWER, Answer, NotUnderstood, gunzip, protocol_error
from tryon.providers.base import BadFile, Charged, ProviderError
from tryon.providers.wire import (
    NETWORK,
    Exchange,
    KeptConnections,
    Network,
    exchanging,
    sending,
)

USER_AGENT = f"django-tryon/{__version__}"
MAX_REDIRECTS = 3
CHUNK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({401, 403, 404, 410})  # what file servers answer when a signed address has run out
before_paid: ContextVar[Callable[[], None] | None] = ContextVar("before_paid", default=None)
"""Called when a request that may cost money is made and connected, before its first byte leaves. It may wait."""
_FAILURES = (
    requests.RequestException,
    http.client.HTTPException,
    OSError,
    ValueError,
)


class Secret(str):
    """An API key that shows as *** in logs, tracebacks and templates. ``reveal()`` gives the key."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __str__(self) -> str:
        return "***"

    def __format__(self, format_spec: str) -> str:
        return format("***", format_spec)

    def reveal(self) -> str:
        return str.__str__(self)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two bytes, and for the whole exchange."""

    connect: float = 5.0
    read: float = 30.0
    total: float = 30.0


class HttpClient:
    """An API at ``base_url``. Never follows a redirect, never repeats, reads nothing from the environment.

    ``key_header`` is the name and the form of the header that carries ``key``, or what ``token`` makes of it for each
    request. Thread-safe: each thread has its own connections.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        key: Secret | None = None,
        key_header: tuple[str, str] = ("Authorization", "Bearer {key}"),
        token: Callable[[str], str] = str,
        timeouts: Timeouts = Timeouts(),
        allow_private_hosts: bool = False,
        network: Network = NETWORK,
        ca_bundle: str = "",
    ) -> None:
        """Raises ``ssrf.Refused`` for a ``base_url`` that may not be called."""
        self.target = ssrf.parse(base_url, plain=allow_private_hosts, any_port=True)
        self._root = self.target.path.rstrip("/")
        self.timeouts = timeouts
        self.allow_private_hosts = allow_private_hosts
        self._key, self._key_header, self._token = key, key_header, token
        self._common_headers = {
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # an answer that is not packed can't be a bomb
            **(headers or {}),
        }
        self._network, self._ca_bundle = network, ca_bundle or DEFAULT_CA_BUNDLE_PATH
        self._kept = KeptConnections()

    def __repr__(self) -> str:
        return f"<HttpClient {self.target.host}>"

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        fields: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        paid: bool = False,
        max_bytes: int = SMALL_ANSWER,
        timeouts: Timeouts | None = None,
    ) -> Answer:
        """One request, one answer of any status but a redirect.

        ``files`` are name -> (file name, bytes, mime) and make it multipart, with ``fields`` beside them.
        ``body`` is sent as it is. ``paid``: the call costs money, so once it has been sent a failure is
        ``Charged.UNKNOWN``. Raises ProviderError only.
        """
        limits = timeouts or self.timeouts
        exchange = Exchange(
            total=limits.total,
            connect=limits.connect,
            read=limits.read,
            allow_private=self.allow_private_hosts,
            network=self._network,
            leaving=before_paid.get() if paid else None,
        )
        failure: ProviderError | None = None
        with exchanging(exchange):
            try:
                target = replace(self.target, path=f"{self._root}{path}{'?' if query else ''}{urlencode(query or {})}")
                if method == "GET":
                    answer = self._ask(target, max_bytes)
                else:
                    data = fields if body is None else body
                    answer = self._post(method, target, max_bytes, data=data, files=files, json=json)
            except ProviderError as error:  # of what lets it leave
                failure = error.with_traceback(None)
            except _FAILURES as error:
                failure = _failure(error, exchange, paid=paid)
        if failure is not None:  # raised out here, so that the error does not carry a request with keys and pictures
            raise failure
        if 300 <= answer.status < 400:
            charged = Charged.UNKNOWN if paid else Charged.NO
            raise ProviderError("provider_down", "answered with a redirect, which is never followed", charged=charged)
        return answer

    def close(self) -> None:
        """Close this thread's connections."""
        self._kept.close()

    def _ask(self, target: ssrf.Target, max_bytes: int) -> Answer:
        with self._kept.asking(target, self._headers(), _tls(target, self._ca_bundle)) as response:
            return _answer(response, max_bytes)

    def _post(self, method: str, target: ssrf.Target, max_bytes: int, **content: Any) -> Answer:
        # requests makes the body and its headers and nothing more: a session's cookies, proxies, .netrc and redirects
        # are not for us, and its adapter costs as much as the exchange
        made = requests.PreparedRequest()
        made.prepare_method(method)
        made.prepare_headers(self._headers())
        made.prepare_body(**content)
        with sending(method, target, made.headers, made.body, _tls(target, self._ca_bundle)) as response:
            return _answer(response, max_bytes)

    def _headers(self) -> dict[str, str]:
        headers = dict(self._common_headers)
        if self._key is not None:
            name, form = self._key_header
            headers[name] = form.format(key=self._token(self._key.reveal()))
        return headers


_contexts: dict[str, ssl.SSLContext] = {}
_making_tls = threading.Lock()
_file_servers = KeptConnections()
ADDRESS_REFUSED = "the address of the file was refused"


def fetch(
    url: str,
    *,
    allowed_hosts: Sequence[str] | None,
    max_bytes: int,
    deadline: float,
    allow_private_hosts: bool = False,
    network: Network = NETWORK,
    ca_bundle: str = "",
) -> bytes:
    """The file at ``url``, of at most ``max_bytes``, within ``deadline`` seconds for everything.

    ``allowed_hosts``: names or ``*.name``; None is any public host, for addresses that the shop's own staff gave.
    Raises ProviderError: retryable when another try, or a fresh address, may help.
    """
    exchange = Exchange(total=deadline, connect=5.0, read=15.0, allow_private=allow_private_hosts, network=network)
    with exchanging(exchange):
        try:
            for _ in range(MAX_REDIRECTS + 1):
                target = _checked(url, allowed_hosts, allow_private_hosts)
                found = _get(target, ca_bundle or DEFAULT_CA_BUNDLE_PATH, max_bytes)
                if isinstance(found, bytes):
                    return found
                url = _redirected(url, target, found)
            failure = ProviderError("provider_down", "too many redirects")
        except ProviderError as error:
            failure = error
        except NotUnderstood as error:
            failure = protocol_error(str(error), charged=Charged.YES)
        except ssrf.Refused as error:
            failure = ProviderError("provider_down", f"{ADDRESS_REFUSED}: {error}")
        except _FAILURES as error:
            failure = _failure(error, exchange, paid=False)
    failure.charged = Charged.YES
    raise failure


def _tls(target: ssrf.Target, ca_bundle: str) -> ssl.SSLContext | None:
    if target.scheme != "https":
        return None
    with _making_tls:  # or each of the threads that come first reads all the certificates
        if ca_bundle not in _contexts:
            _contexts[ca_bundle] = ssl.create_default_context(cafile=ca_bundle)
            _contexts[ca_bundle].set_alpn_protocols(["http/1.1"])
        return _contexts[ca_bundle]


def _checked(url: str, allowed_hosts: Sequence[str] | None, allow_private: bool) -> ssrf.Target:
    target = ssrf.parse(url, plain=allow_private, any_port=allow_private)
    if allowed_hosts is not None and not ssrf.host_allowed(target.host, allowed_hosts):
        raise ssrf.Refused("the host is not one that this provider delivers from")
    return target


def _get(target: ssrf.Target, ca_bundle: str, max_bytes: int) -> bytes | str:
    """The body, or where the server wants us to go instead."""
    headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
    with _file_servers.asking(target, headers, _tls(target, ca_bundle)) as response:
        if response.status in _REDIRECTS:
            return response.headers.get("location", "")
        if response.status != 200:
            if response.status in _GONE:
                detail = f"the address has run out (HTTP {response.status})"
                raise BadFile("provider_down", detail, retryable=True)
            retryable = response.status == 429 or response.status >= 500
            detail = f"the file server failed (HTTP {response.status})"
            raise ProviderError("provider_down", detail, retryable=retryable)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise NotUnderstood("a packed file")
        return _read(response, max_bytes)


def _redirected(url: str, target: ssrf.Target, location: str) -> str:
    """The next address, which must be on the same host and is checked like the first."""
    if not location or any(ord(letter) <= 32 or letter == "\\" for letter in location):
        raise ssrf.Refused("a redirect to an odd address")
    following = urljoin(url, location)
    if ssrf.parse(following, plain=target.scheme == "http", any_port=True).host != target.host:
        raise ssrf.Refused("a redirect to another host")
    return following


def _answer(response: http.client.HTTPResponse, max_bytes: int) -> Answer:
    headers = CaseInsensitiveDict(response.headers.items())
    data = _read(response, max_bytes)
    try:
        data = _unpacked(data, headers.get("content-encoding", ""), max_bytes)
    except NotUnderstood:
        if response.status < 400:
            raise
        data = b""  # that it was refused is understood
    return Answer(response.status, headers, data)


def _unpacked(data: bytes, packing: str, max_bytes: int) -> bytes:
    packing = packing.strip().lower()
    if packing in ("", "identity") or not data:
        return data
    if packing in ("gzip", "x-gzip"):
        return gunzip(data, max_bytes)
    raise NotUnderstood("packed in a way that was not asked for")


def _read(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    """The body as it comes over the wire. Raises NotUnderstood when it is larger, ``IncompleteRead`` when it is cut."""
    parts, total = [], 0
    while part := response.read(CHUNK):
        total += len(part)
        if total > max_bytes:
            response.close()
            raise NotUnderstood(f"more than {max_bytes} bytes")
        parts.append(part)
    data = b"".join(parts)
    if response.length:  # read in parts, the end of the stream is no error there
        raise http.client.IncompleteRead(data, response.length)
    return data


def _failure(error: Exception, exchange: Exchange, *, paid: bool) -> ProviderError:
    """What went wrong on the way, without the text of ``error``: that may hold the URL."""
    if exchange.refused:
        return ProviderError("config", f"not called: {exchange.refused}")
    if not exchange.sent:
        return ProviderError("provider_down", f"no connection ({type(error).__name__})", retryable=True)
    unknown = Charged.UNKNOWN if paid else Charged.NO
    if isinstance(error, NotUnderstood):
        return protocol_error(str(error), charged=unknown, retryable=not paid)
    if exchange.over or isinstance(error, TimeoutError):
        return ProviderError("timed_out", "no complete answer in time", retryable=not paid, charged=unknown)
    reason = f"the connection was lost before the answer was complete ({type(error).__name__})"
    return ProviderError("provider_down", reason, retryable=not paid, charged=unknown)
