"""Which addresses a job's log may be read from."""

from __future__ import annotations

import pytest
from yarl import URL

from bot.github.log_hosts import LogHosts

DOTCOM = LogHosts("https://api.github.com")
ENTERPRISE = LogHosts("https://github.example.com/api/v3", ("minio.internal.test",))
LOOPBACK = LogHosts("http://127.0.0.1:4000")


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (DOTCOM, "https://productionresultssa12.blob.core.windows.net/actions-results/1?sig=x"),
        (DOTCOM, "https://results-receiver.actions.githubusercontent.com/rest/runs"),
        (DOTCOM, "https://api.github.com/x"),
        (DOTCOM, "https://PIPELINES.Actions.GitHubUserContent.com./x"),
        (ENTERPRISE, "https://github.example.com/_services/pipelines/1"),
        (ENTERPRISE, "https://media.github.example.com/1"),
        (ENTERPRISE, "https://minio.internal.test/logs/1"),
        (ENTERPRISE, "https://bucket.minio.internal.test:9000/logs/1"),
        (LogHosts("https://api.octo.ghe.com"), "https://actions.octo.ghe.com/1"),
        (LOOPBACK, "http://127.0.0.1:4001/actions-results/1"),
        (LOOPBACK, "http://localhost:4001/x"),
        (LOOPBACK, "http://[::1]:4001/x"),
        (LOOPBACK, "http://127.3.2.1/x"),
        (LogHosts("http://stand-in:8080"), "http://stand-in:8081/x"),
    ],
)
def test_a_log_is_read_from_github_and_from_who_the_operator_named(hosts: LogHosts, url: str) -> None:
    assert hosts.allow(URL(url))


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (DOTCOM, "http://productionresultssa12.blob.core.windows.net/x"),
        (DOTCOM, "https://evil.test/x"),
        (DOTCOM, "https://evilgithubusercontent.com/x"),
        (DOTCOM, "https://blob.core.windows.net.evil.test/x"),
        (DOTCOM, "https://api.github.com@evil.test/x"),
        (DOTCOM, "https://user@api.github.com/x"),
        (DOTCOM, "https://127.0.0.1/x"),
        (DOTCOM, "https://[::1]/x"),
        (DOTCOM, "https://169.254.169.254/latest/meta-data"),
        (DOTCOM, "https://minio.internal.test/x"),
        (DOTCOM, "ftp://api.github.com/x"),
        (DOTCOM, "file:///etc/passwd"),
        (ENTERPRISE, "http://github.example.com/x"),
        (ENTERPRISE, "https://example.com/x"),
        (LOOPBACK, "http://10.0.0.1/x"),
        (LOOPBACK, "http://127.0.0.1.evil.test/x"),
        (LOOPBACK, "ftp://127.0.0.1/x"),
    ],
)
def test_a_log_is_read_from_nowhere_else(hosts: LogHosts, url: str) -> None:
    assert not hosts.allow(URL(url))
