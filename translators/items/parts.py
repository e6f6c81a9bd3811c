"""The content parts of messages and tool outputs, and what each becomes in a Chat message.

`decode_parts(raw, at, report)` takes a string or a list whose members may be bare strings.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Raw, Struct

from translators.decode import decode_as, is_string
from translators.dialects import Dialect
from translators.errors import InvalidRequest
from translators.report import Report
from translators.schema import chat


class Part(Struct):
    """A content part; `text` parts say so by `spoken`, media parts become Chat parts."""

    @property
    def spoken(self) -> str | None:
        return None

    def to_chat(self, dialect: Dialect, at: str, report: Report) -> chat.Part:
        raise NotImplementedError


class Text(Part):
    """`input_text`, `output_text`, `text`, `summary_text` and `reasoning_text` alike."""

    text: str

    @property
    def spoken(self) -> str:
        return self.text

    def to_chat(self, dialect: Dialect, at: str, report: Report) -> chat.Part:
        return chat.TextPart(self.text)


class Refusal(Part):
    refusal: str

    def to_chat(self, dialect: Dialect, at: str, report: Report) -> chat.Part:
        return chat.TextPart(self.refusal)


class ImageUrl(Struct):
    url: str
    detail: str | None = None


class InputImage(Part):
    image_url: str | ImageUrl | None = None
    file_id: str | None = None
    detail: str | None = None

    def to_chat(self, dialect: Dialect, at: str, report: Report) -> chat.Part:
        if self.image_url is None:
            raise _needs(at, "image_url", self.file_id)
        nested = self.image_url if type(self.image_url) is ImageUrl else ImageUrl(str(self.image_url))
        detail = self.detail or nested.detail
        if detail == "original":  # Codex sends it; Chat Completions stops at `high`
            report.changed(f"{at}.detail", "original became high")
            detail = "high"
        kind = "data" if nested.url.startswith("data:") else "http"
        if kind not in dialect.images:
            raise InvalidRequest(
                f"This model's upstream takes no image given as a {kind} URL.", param=at, code="unsupported_value"
            )
        return chat.ImagePart(chat.ImageUrl(nested.url, detail or UNSET))


class InputFile(Part):
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None

    def to_chat(self, dialect: Dialect, at: str, report: Report) -> chat.Part:
        if self.file_data is not None and "data" in dialect.files:
            return chat.FilePart(chat.FileData(file_data=self.file_data, filename=self.filename or UNSET))
        if self.file_id is not None and "id" in dialect.files:
            return chat.FilePart(chat.FileData(file_id=self.file_id, filename=self.filename or UNSET))
        if self.file_data is not None or self.file_url is not None:
            given = "file_data" if self.file_data is not None else "file_url"
            raise InvalidRequest(
                f"This model's upstream takes no file given by '{given}'.",
                param=f"{at}.{given}",
                code="unsupported_value",
            )
        raise _needs(at, "file_data", self.file_id)


class AudioData(Struct):
    data: str
    format: str = "wav"


class InputAudio(Part):
    """Nested under `input_audio` as documented, or flat."""

    input_audio: AudioData | None = None
    data: str | None = None
    format: str | None = None

    def to_chat(self, dialect: Dialect, at: str, report: Report) -> chat.Part:
        if not dialect.audio:
            raise InvalidRequest("This model's upstream takes no audio.", param=at, code="unsupported_value")
        if self.input_audio is not None:
            return chat.AudioPart(chat.InputAudio(self.input_audio.data, self.input_audio.format))
        if self.data is None:
            raise _needs(at, "input_audio", None)
        return chat.AudioPart(chat.InputAudio(self.data, self.format or "wav"))


PART_TYPES: dict[str, type[Part]] = {
    "input_text": Text,
    "output_text": Text,
    "text": Text,
    "summary_text": Text,
    "reasoning_text": Text,
    "refusal": Refusal,
    "input_image": InputImage,
    "image_url": InputImage,
    "input_file": InputFile,
    "input_audio": InputAudio,
}


class _Typed(Struct):
    type: str


class LocatedPart(Struct):
    """A part and its path in the request, for errors that only the upstream's dialect decides."""

    part: Part
    at: str


def decode_parts(raw: Raw, at: str, report: Report) -> list[LocatedPart]:
    """The parts of a `content` or `output`. A part of an unknown type is reported and left out."""
    if is_string(raw):
        return [LocatedPart(Text(decode_as(str, raw, at)), at)]
    parts = []
    for index, item in enumerate(decode_as(list[Raw], raw, at)):
        where = f"{at}[{index}]"
        if is_string(item):
            parts.append(LocatedPart(Text(decode_as(str, item, where)), where))
            continue
        kind = decode_as(_Typed, item, where).type
        part_type = PART_TYPES.get(kind)
        if part_type is None:
            report.dropped(where, f"content parts of type '{kind}' are not known")
            continue
        parts.append(LocatedPart(decode_as(part_type, item, where), where))
    return parts


def _needs(at: str, field: Literal["image_url", "file_data", "input_audio"], file_id: str | None) -> InvalidRequest:
    if file_id is not None:
        return InvalidRequest(
            "Uploaded files are not supported here; give the content itself.",
            param=f"{at}.file_id",
            code="unsupported_parameter",
        )
    param = f"{at}.{field}"
    return InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
