"""A browser without JavaScript, as far as the set-up needs one: pages, their forms, and redirects."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import aiohttp


@dataclass
class Form:
    """A form with the values its fields have."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("method", "get"), given["action"]))
        elif tag == "input" and self.forms:
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "a":
            self.links.append(given["href"])


def forms_of(text: str) -> list[Form]:
    """The forms of a page."""
    return _Forms(text).forms


class Browser:
    """One tab: `status`, `url`, `text` and `headers` are of the page it shows."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.status, self.url, self.text = 0, "", ""
        self.headers: dict[str, str] = {}

    async def open(self, url: str) -> None:
        """Go to an address; redirects are followed."""
        await self._ask("GET", url)

    async def submit(self, number: int = 0, **changes: str) -> None:
        """Press the button of a form after changing its fields."""
        form = self.forms[number]
        origin = f"{urlsplit(self.url).scheme}://{urlsplit(self.url).netloc}"
        headers = {"Origin": origin} if form.method == "post" else {}
        target = urljoin(self.url, form.action)
        await self._ask(form.method, target, data={**form.fields, **changes}, headers=headers)

    @property
    def forms(self) -> list[Form]:
        """The page's forms."""
        return forms_of(self.text)

    @property
    def links(self) -> list[str]:
        """Where the page's links lead."""
        return _Forms(self.text).links

    async def _ask(
        self, method: str, url: str, data: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        async with self._session.request(method, url, data=data, headers=headers) as answer:
            self.status, self.url, self.text = answer.status, str(answer.url), await answer.text()
            self.headers = dict(answer.headers)
