"""Where the server listens: bound once, so that one web server can take over from another without a gap."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from types import TracebackType
from typing import Self

from aiohttp import web

BACKLOG = 1024


class Listening:
    """The sockets of one address; a context manager that closes them.

    Who connects while no server is attached waits in the kernel's queue for the next one.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._sockets: list[socket.socket] = []
        self._sites: list[web.SockSite] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._sockets:
            each.close()
        self._sockets.clear()

    async def attach(self, runner: web.AppRunner) -> str:
        """Let a web server answer here; its address. OSError where the port cannot be had."""
        if not self._sockets:
            self._sockets = await _bound(self._host, self._port)
        for each in self._sockets:
            site = web.SockSite(runner, each.dup(), backlog=BACKLOG)
            await site.start()
            self._sites.append(site)
        host, port = self._sockets[0].getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def detach(self) -> None:
        """The web server gets no further connections; those it has it keeps."""
        for each in self._sites:
            await each.stop()
        self._sites.clear()


async def _bound(host: str, port: int) -> list[socket.socket]:
    """A socket for each address that the name stands for, of those that this machine has."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    lacking: OSError | None = None
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            try:
                sockets.append(_open(family, kind, protocol, address))
            except OSError as error:
                if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    raise
                lacking = error
        if not sockets and lacking is not None:
            raise lacking
    except OSError:
        for each in sockets:
            each.close()
        raise
    return sockets


def _open(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)  # noqa: FBT003
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        # Two that bind one port are told apart here, while there is still nothing to take back.
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
