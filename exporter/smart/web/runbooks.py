"""The pages a link in a message leads to: docs/runbooks/<Alert>.md as HTML that reads well on a phone.

All pages are read and rendered once, at the start, so that no request touches a file and no name in an address can
lead anywhere else. Names are matched without regard to case, and the old names of aliases.yml lead to the new ones.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path

from markdown_it import MarkdownIt
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from smart.errors import ConfigError
from smart.yamlfile.fields import open_config
from smart.yamlfile.forms import Form
from smart.yamlfile.problems import quoted

ALIASES = "aliases.yml"
STEPS = "<h2>Что делать</h2>"
NO_BREAK = "\N{NO-BREAK SPACE}"

PAGE = """<!DOCTYPE html>
<html lang="ru"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body{{font:17px/1.5 system-ui,sans-serif;color:#1c2329;background:#fff;max-width:44em;margin:0 auto;padding:1em}}
h1{{font-size:1.35em;line-height:1.25;overflow-wrap:anywhere}}
.name{{color:#5b6670;font-size:.9em;margin:1em 0 0;overflow-wrap:anywhere}}
.name+h1{{margin-top:.1em}}
h2{{font-size:1.1em;margin-top:1.6em;border-bottom:1px solid #d5dbe0;padding-bottom:.2em}}
a{{color:#0b5cad}}
code{{background:#eef1f4;padding:.1em .3em;border-radius:3px;overflow-wrap:anywhere}}
table{{border-collapse:collapse;font-size:.9em}}
.table{{overflow-x:auto}}
th,td{{border:1px solid #d5dbe0;padding:.35em .5em;text-align:left;vertical-align:top}}
th{{background:#eef1f4}}
nav{{font-size:.9em}}
@media(max-width:36em){{ /* a row of a table of codes becomes a card: its last column is always the advice */
thead{{display:none}} table,tbody,tr,td{{display:block}} tr{{margin:0 0 .8em;border:1px solid #d5dbe0}} td{{border:0}}
td:first-child{{font-weight:bold;background:#eef1f4}} td:last-child::before{{content:"Что делать: ";font-weight:bold}}
}}
</style></head>
<body><nav><a href="./">Все аварии</a>{jump}</nav>
{body}
</body></html>
"""


class Runbooks:
    """Every page of a directory, ready to send."""

    def __init__(self, directory: Path) -> None:
        """Raises ConfigError when the directory has no pages or its aliases lead nowhere."""
        markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
        sources = {path.stem: path for path in sorted(directory.glob("*.md"))}
        if not sources:
            raise ConfigError(f"{directory}: no runbooks (*.md) are there")
        self._names = {name.lower(): name for name in sources}
        self._pages: dict[str, str] = {}
        titles = {}
        for name, path in sources.items():
            heading, _, text = _read(path).partition("\n")
            titles[name] = heading.removeprefix("# ").strip()
            self._pages[name] = _page(titles[name], _heading(titles[name]) + markdown.render(bind(text)))
        self._aliases = self._read_aliases(directory / ALIASES)
        self._index = _page("Аварии", _index(titles))

    def routes(self) -> list[Route]:
        """/docs/errors/ and /docs/errors/<Alert>.md."""
        return [Route("/docs/errors/", self.index), Route("/docs/errors/{name}", self.page)]

    async def index(self, _request: Request) -> Response:
        """All alerts by name."""
        return HTMLResponse(self._index)

    async def page(self, request: Request) -> Response:
        """One runbook; another spelling of its name leads to the right one."""
        asked = request.path_params["name"]
        name = asked.removesuffix(".md").lower()
        name = self._aliases.get(name, name)
        found = self._names.get(name)
        if found is None:
            text = f"<h1>Нет такой страницы</h1><p>Аварии «{html.escape(asked[:100])}» нет в списке.</p>"
            return HTMLResponse(_page("Нет такой страницы", text), 404)
        if asked != f"{found}.md":
            return RedirectResponse(f"{found}.md", 301)
        return HTMLResponse(self._pages[found])

    def _read_aliases(self, path: Path) -> dict[str, str]:
        if not path.exists():
            return {}
        fields = open_config(path, may_be_empty=True)
        form = Form("the name of a runbook", self._known)
        aliases = {old.lower(): fields.value(old, form, "") for old in fields}
        fields.close()
        return aliases

    def _known(self, name: str) -> str:
        if name.lower() not in self._names:
            raise ValueError(f"there is no runbook {quoted(name)}")
        return name.lower()


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None


def _heading(title: str) -> str:
    """`Name: what it means`: the meaning large, the name above it, since long names break badly on a phone."""
    name, _, meaning = title.partition(": ")
    return f'<p class="name">{html.escape(name)}</p>\n<h1>{html.escape(meaning or name)}</h1>\n'


def _page(title: str, body: str) -> str:
    body = body.replace("<table>", '<div class="table"><table>').replace("</table>", "</table></div>")
    jump = ""
    if STEPS in body:  # they stand far down, and who reads on a phone wants them first
        body = body.replace(STEPS, STEPS.replace("<h2>", '<h2 id="steps">'))
        jump = ' · <a href="#steps">Что делать</a>'
    return PAGE.format(title=html.escape(title), body=body, jump=jump)


def bind(text: str) -> str:
    """Keep together what a narrow screen must not part: a number and its word, a dash and what is before it."""
    text = re.sub(r"(?<=\d) (?=[%а-яё])", NO_BREAK, text)
    text = re.sub(r"(?<=\S) (?=– )", NO_BREAK, text)
    return re.sub(r"(?<![^\s(«])([вкосуиаВКОСУИАЯ]|не|на|от|до|по) (?=\S)", rf"\1{NO_BREAK}", text)


def _index(titles: Mapping[str, str]) -> str:
    rows = (f'<li><a href="{html.escape(name)}.md">{html.escape(title)}</a></li>' for name, title in titles.items())
    return f"<h1>Аварии</h1><ul>{''.join(rows)}</ul>"
