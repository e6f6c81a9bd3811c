"""The content parts of messages and tool outputs, and what each becomes in a Chat message.

`decode_parts(raw, at, report)` takes a string or a list whose members may be bare strings; `locate_parts` takes
what was decoded with its item, being plain.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct

from translators.data_urls import as_file, document_text, pdf_base64, with_image_type
from translators.decode import decode_as, is_string, read_text
from translators.dialects import Dialect
from translators.errors import InvalidRequest, bounded
from translators.report import Report
from translators.schema import chat


class Part(Struct, gc=False):
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
        return chat.ImagePart(chat.ImageUrl(_image_url(nested.url, dialect, at, report), detail or UNSET))


def _image_url(url: str, dialect: Dialect, at: str, report: Report) -> str:
    """Returns the URL in a form that the upstream takes; one that it cannot fetch is fetched by whoever sends the
    request.
    """
    if url.startswith("data:"):
        typed = with_image_type(url)
        if typed != url:
            report.changed(at, "the data URL now says what kind of image it holds")
        if "data" in dialect.images:
            return typed
    elif "http" in dialect.images:
        return url
    elif "data" in dialect.images and url.startswith(("http://", "https://")):
        report.emulated(at, "the image is fetched here, since the upstream takes data URLs only")
        return url
    given = "data" if url.startswith("data:") else "http"
    raise InvalidRequest(
        f"This model's upstream takes no image given as a {given} URL.", param=at, code="unsupported_value"
    )


class InputFile(Part):
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None

    def to_chat(self, dialect: Dialect, at: str, report: Report) -> chat.Part:
        url = self.file_data or self.file_url
        if url is not None and "document_url" in dialect.files and url.startswith(("data:", "http")):
            return chat.DocumentPart(url, self.filename or UNSET)
        if self.file_data is not None and "data" in dialect.files:
            return chat.FilePart(chat.FileData(file_data=self.file_data, filename=self.filename or UNSET))
        if self.file_url is not None and "url" in dialect.files:
            return chat.FilePart(chat.FileData(file_data=self.file_url, filename=self.filename or UNSET))
        if self.file_url is not None and "data" in dialect.files and self.file_url.startswith("http"):
            report.emulated(at, "the file is fetched here, since the upstream takes its content only")
            return chat.FilePart(chat.FileData(file_data=self.file_url, filename=self.filename or UNSET))
        text = None if self.file_data is None else document_text(self.file_data, self.filename or "")
        if text is not None:
            report.changed(at, "the file's text stands in its place, since the upstream takes no files")
            return chat.TextPart(as_file(text, self.filename or ""))
        if self.file_id is not None and "id" in dialect.files:
            return chat.FilePart(chat.FileData(file_id=self.file_id, filename=self.filename or UNSET))
        if self._is_read_here(dialect):
            report.emulated(at, "the document's text stands in its place, since the upstream takes no files")
            return chat.FilePart(chat.FileData(file_data=url or UNSET, filename=self.filename or UNSET))
        if self.file_data is not None or self.file_url is not None:
            given = "file_data" if self.file_data is not None else "file_url"
            raise InvalidRequest(
                f"This model's upstream takes no file given by '{given}'.",
                param=f"{at}.{given}",
                code="unsupported_value",
            )
        raise _needs(at, "file_data", self.file_id)

    def _is_read_here(self, dialect: Dialect) -> bool:
        """Tells whether whoever sends the request puts a text in the file's place."""
        if self.file_data is not None:
            return pdf_base64(self.file_data) is not None
        return self.file_url is not None and self.file_url.startswith(("http://", "https://"))


class AudioData(Struct):
    data: str
    format: str = "wav"


class InputAudio(Part):
    """Nested under `input_audio` as documented, or flat."""

    input_audio: AudioData | None = None
    data: str | None = None
    format: str | None = None

    def to_chat(self, dialect: Dialect, at: str, report: Report) -> chat.Part:
        if dialect.audio == "none":
            raise InvalidRequest("This model's upstream takes no audio.", param=at, code="unsupported_value")
        if self.input_audio is not None:
            audio = self.input_audio
        elif self.data is not None:
            audio = AudioData(self.data, self.format or "wav")
        else:
            raise _needs(at, "input_audio", None)
        uri = audio.data if audio.data.startswith("data:") else f"data:audio/{audio.format};base64,{audio.data}"
        if dialect.audio == "audio_url":
            return chat.AudioUrlPart(chat.AudioUrl(uri))
        return chat.AudioPart(chat.InputAudio(uri if dialect.audio == "input_audio_uri" else audio.data, audio.format))


class InputVideo(Part):
    """As gateways have it: an address or a data URL, plain or in an object."""

    video_url: str | ImageUrl | None = None
    input_video: str | ImageUrl | None = None

    def to_chat(self, dialect: Dialect, at: str, report: Report) -> chat.Part:
        video = self.video_url or self.input_video
        if video is None:
            raise _needs(at, "video_url", None)
        if dialect.video == "none":
            raise InvalidRequest("This model's upstream takes no video.", param=at, code="unsupported_value")
        return chat.VideoPart(chat.VideoUrl(video.url if type(video) is ImageUrl else str(video)))


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
    "input_video": InputVideo,
    "video_url": InputVideo,
}


class _Typed(Struct):
    type: str


class LocatedPart(Struct, gc=False):
    """A part and its place in the request, for errors that only the upstream's dialect decides."""

    part: Part
    content_at: str
    index: int | None = None

    @property
    def at(self) -> str:
        return self.content_at if self.index is None else f"{self.content_at}[{self.index}]"


def decode_parts(raw: Raw, at: str, report: Report) -> list[LocatedPart]:
    """Returns the parts of a `content` or `output`. Raises InvalidRequest for one that is not known: without it, the
    rest would mean something else.
    """
    if is_string(raw):
        return [LocatedPart(Text(decode_as(str, raw, at)), at)]
    parts = []
    for index, item in enumerate(decode_as(list[Raw], raw, at)):
        where = f"{at}[{index}]"
        if is_string(item):
            parts.append(LocatedPart(Text(decode_as(str, item, where)), at, index))
            continue
        kind = decode_as(_Typed, item, where).type
        part_type = PART_TYPES.get(kind)
        if part_type is None:
            raise InvalidRequest(
                f"Invalid value: '{bounded(kind)}'. Supported types of content parts are {', '.join(PART_TYPES)}.",
                param=f"{where}.type",
                code="invalid_value",
            )
        parts.append(LocatedPart(decode_as(part_type, item, where), at, index))
    return parts


# --- plain parts: those that a long history is made of, in their usual form, read in one step with their item --------

# Nothing is said of a part's other fields where they are empty, and nothing in them can be nested deeply.
_Empty = Annotated[list[Raw], Meta(max_length=0)] | None


class _PlainText(Part, tag_field="type", forbid_unknown_fields=True):
    """Its text stays the JSON it came in: most of a long history is such texts, which need be neither unescaped nor
    escaped again."""

    text: Raw
    annotations: _Empty = None
    logprobs: _Empty = None

    def __post_init__(self) -> None:
        if not is_string(self.text):
            raise TypeError("the text is none")

    @property
    def spoken(self) -> str:
        return read_text(self.text)

    def to_chat(self, dialect: Dialect, at: str, report: Report) -> chat.Part:
        return chat.TextPart(self.spoken)


class _InputText(_PlainText, tag="input_text"):
    pass


class _OutputText(_PlainText, tag="output_text"):
    pass


class _ChatText(_PlainText, tag="text"):
    pass


class _SummaryText(_PlainText, tag="summary_text"):
    pass


class _ReasoningText(_PlainText, tag="reasoning_text"):
    pass


class _Refusal(Refusal, tag_field="type", tag="refusal", forbid_unknown_fields=True):
    pass


class _InputImage(InputImage, tag_field="type", tag="input_image", forbid_unknown_fields=True):
    image_url: str | None = None


PlainPart = _InputText | _OutputText | _ChatText | _SummaryText | _ReasoningText | _Refusal | _InputImage
PlainContent = str | list[PlainPart]


def sole_text(content: PlainContent | None) -> chat.Text | None:
    """Returns the text of what is one text, else None."""
    if type(content) is list and len(content) == 1:
        part = content[0]
        return part.text if isinstance(part, _PlainText) else None
    return content if type(content) is str else None


def locate_parts(content: PlainContent, at: str) -> list[LocatedPart]:
    if isinstance(content, str):
        return [LocatedPart(Text(content), at)]
    return [LocatedPart(part, at, index) for index, part in enumerate(content)]


def _needs(
    at: str, field: Literal["image_url", "file_data", "input_audio", "video_url"], file_id: str | None
) -> InvalidRequest:
    if file_id is not None:
        return InvalidRequest(
            "Uploaded files are not supported here; give the content itself.",
            param=f"{at}.file_id",
            code="unsupported_parameter",
        )
    param = f"{at}.{field}"
    return InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
