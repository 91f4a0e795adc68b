"""Reads the one file out of a multipart/form-data body while it arrives; nothing of it is gathered here."""

from __future__ import annotations

import logging
from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it logs what hostile senders write


class BadForm(ValueError):
    """The body is not a form with exactly one file. `text` is Russian."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


def boundary_of(content_type: bytes) -> bytes | None:
    """The boundary of a multipart/form-data body, None for other types. Raises BadForm when it has no boundary."""
    if content_type[:19].lower() != b"multipart/form-data":
        return None
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 0 < len(boundary) <= 70:  # RFC 2046, 5.1.1
        raise BadForm("в заголовке Content-Type нет границы (boundary) частей формы")
    return boundary


class FormFile:
    """Streams the field `file`: its name to `on_name`, its content to `on_data`. Other fields are passed over.

    Both callbacks may raise; what they raise comes out of `feed`.
    """

    def __init__(self, boundary: bytes, on_name: Callable[[str], None], on_data: Callable[[bytes], None]) -> None:
        self._on_name = on_name
        self._on_data = on_data
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._inside = False
        self._seen = False
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body. Raises BadForm."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise BadForm("тело запроса не похоже на форму multipart/form-data") from None

    def finish(self) -> None:
        """The body is over. Raises BadForm when it broke off or had no file."""
        if not self._ended:
            raise BadForm("форма оборвана: нет завершающей границы")
        if not self._seen:
            raise BadForm("в форме нет поля file с файлом")

    def _part_begin(self) -> None:
        self._disposition = b""
        self._header = b""
        self._value = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = b""
        self._value = b""

    def _headers_finished(self) -> None:
        options = parse_options_header(self._disposition)[1]
        if options.get(b"name") != b"file":
            return
        if self._seen:
            raise BadForm("в форме больше одного поля file: присылайте по одному файлу")
        self._seen = True
        self._inside = True
        self._on_name(options.get(b"filename", b"").decode("utf-8", "backslashreplace"))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._on_data(data[start:end] if end - start != len(data) else data)

    def _part_end(self) -> None:
        self._inside = False

    def _end(self) -> None:
        self._ended = True
