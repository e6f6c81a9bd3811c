"""What stands inside the fields of a message: texts in blocks, images, sound, and what a backend wants back.

Each function appends fragments; what has no words and no place becomes `Adapted`, with the field it stood in.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from translators.answering.fragments import Adapted, Fragment, Image, Kept, Reasoning, ReasoningDetails, Refusal, Text
from translators.data_urls import with_image_type
from translators.items.details import detail_text
from translators.report import Adaptation
from translators.schema import chat
from translators.wire.payload import UNKNOWN, says_something

Out = list[Fragment]

_LONGEST_HEAD = 200  # of a data URL, before its content
_MAX_NAME = 64
_FORMATS = {"jpg": "jpeg", "svg+xml": "svg"}
_SOUND = "a response has no place for sound; what is said in it is the text"
_BY_ADDRESS = "the image is at an address, which stands in the text"


class _Block(Struct):
    """A member of a content list: text, an image, or a thought in text blocks of its own.

    Mistral puts those under `thinking`, Databricks under the `summary` of a `reasoning` block.
    """

    type: str = "text"
    text: str | None = None
    thinking: Any = None
    summary: Any = None
    refusal: str | None = None
    image_url: Any = None


def left_out(at: str, reason: str, *, spoken: bool = False) -> Adapted:
    return Adapted(Adaptation("dropped", at, reason), spoken)


def read_text(value: Any, kind: Callable[[str], Fragment], out: Out, at: str) -> None:
    """Appends the text in `value`: a string, a block, or a list of either."""
    if type(value) is str:
        if value:
            out.append(kind(value))
    elif type(value) is list:
        for member in value:
            read_text(member, kind, out, at)
    elif type(value) is dict:
        _read_block(value, kind, out, at)
    elif value is not None:
        out.append(left_out(at, "it should be a text"))


def _read_block(value: dict[str, Any], kind: Callable[[str], Fragment], out: Out, at: str) -> None:
    try:
        block = msgspec.convert(value, _Block)
    except msgspec.ValidationError:
        out.append(left_out(at, "a part of it cannot be read"))
        return
    before = len(out)
    for thought in (block.thinking, block.summary):
        if thought is not None:
            read_text(thought, Reasoning, out, at)
    if block.refusal:
        out.append(Refusal(block.refusal))
    if block.text:
        out.append(kind(block.text))
    if block.image_url is not None:
        read_images(value, out, at)
    said_nothing = {name: member for name, member in value.items() if name != "type"}
    if len(out) == before and says_something(said_nothing):
        out.append(left_out(at, f"a part of the type '{block.type[:_MAX_NAME]}' has no place", spoken=True))


def read_details(value: Any, out: Out, at: str, *, spoken: bool) -> None:
    """Records of a thought; their text counts only where no other field of the chunk told it (`spoken`)."""
    if type(value) is not list:
        out.append(left_out(at, "it should be a list"))
        return
    if not spoken:
        out += [Reasoning(text) for detail in value if (text := detail_text(detail))]
    out.append(ReasoningDetails(value))


# --- images and sound ----------------------------------------------------------------------------


def read_images(value: Any, out: Out, at: str) -> None:
    """OpenRouter's and LiteLLM's entries, parts of a content, addresses, and base64 as image endpoints give it."""
    for entry in value if type(value) is list else [value]:
        url = _address(entry)
        if url is None:
            out.append(left_out(at, "it cannot be read as an image", spoken=True))
        elif url.startswith(("http://", "https://")):
            out += [Text(f"![image]({url})"), Adapted(Adaptation("changed", at, _BY_ADDRESS), spoken=True)]
        else:
            out.append(_image(url) or left_out(at, "it is no image", spoken=True))


def _address(entry: Any) -> str | None:
    """Where an image is, mostly in the address itself."""
    for field in ("image_url", "url"):
        if type(entry) is dict and type(entry.get("b64_json")) is str:
            return f"data:;base64,{entry['b64_json']}"
        if type(entry) is dict and field in entry:
            entry = entry[field]
    return entry if type(entry) is str else None


def _image(url: str) -> Image | None:
    head, comma, content = with_image_type(url).partition(",")
    media, _, coding = head.partition(";")
    kind, _, form = media.removeprefix("data:").partition("/")
    if len(head) > _LONGEST_HEAD or not comma or not content or not coding.endswith("base64"):
        return None
    if kind not in ("", "image"):
        return None
    return Image(content, _FORMATS.get(form, form) or "png")


def read_audio(value: Any, out: Out, at: str, *, spoken: bool) -> None:
    """What is said in a sound is text, unless the text beside it says so already (`spoken`)."""
    transcript = value.get("transcript") if type(value) is dict else None
    if type(transcript) is str and transcript and not spoken:
        out.append(Text(transcript))
    if type(value) is not dict or value.get("data"):
        out.append(left_out(at, _SOUND, spoken=True))


# --- what a backend wants back -------------------------------------------------------------------


def read_kept(delta: chat.Delta, out: Out, at: str, *, spoken: bool) -> None:
    """Signatures and the like, as they are; the text of thinking blocks only where nothing else told it (`spoken`)."""
    if type(delta.reasoning_opaque) is str:
        out.append(Kept({"reasoning_opaque": delta.reasoning_opaque}))
    elif delta.reasoning_opaque is not None:
        out.append(left_out(f"{at}.reasoning_opaque", "it should be a text"))
    blocks = delta.thinking_blocks
    if type(delta.provider_specific_fields) is dict:
        fields = dict(delta.provider_specific_fields)
        repeated = fields.pop("thinking_blocks", None)
        blocks = blocks or repeated
        _read_provider_fields(fields, out, f"{at}.provider_specific_fields")
    if says_something(blocks):
        _read_thinking_blocks(blocks, out, f"{at}.thinking_blocks", spoken=spoken)
    extra = _without_marks(delta.extra_content)
    if type(extra) is dict and says_something(extra):
        out.append(Kept({"extra_content": extra}))
    elif type(extra) is not dict and says_something(extra):
        out.append(left_out(f"{at}.extra_content", "it should be an object"))


def _read_thinking_blocks(blocks: Any, out: Out, at: str, *, spoken: bool) -> None:
    if type(blocks) is not list:
        out.append(left_out(at, "it should be a list"))
        return
    if not spoken:
        out += [Reasoning(text) for block in blocks if (text := _thinking_of(block))]
    out.append(Kept({"thinking_blocks": blocks}))


def _thinking_of(block: Any) -> str:
    thinking = block.get("thinking") if type(block) is dict else None
    return thinking if type(thinking) is str else ""


def _read_provider_fields(fields: dict[str, Any], out: Out, at: str) -> None:
    """LiteLLM puts here what has no field of its own: signatures go back, of the rest nothing is known."""
    signed = {name: value for name, value in fields.items() if "signature" in name and says_something(value)}
    if signed:
        out.append(Kept({"provider_specific_fields": signed}))
    for name, value in fields.items():
        if name not in signed and says_something(value):
            out.append(left_out(f"{at}.{name[:_MAX_NAME]}", UNKNOWN))


def _without_marks(extra: Any) -> Any:
    """Without Gemini's mark of a text that is a thought: the tags in the text say it, too."""
    google = extra.get("google") if type(extra) is dict else None
    if type(google) is not dict or "thought" not in google:
        return extra
    return {**extra, "google": {name: value for name, value in google.items() if name != "thought"}}


_CALL_FIELDS = ("extra_content", "provider_specific_fields", "thought_signature")
_FUNCTION_FIELDS = ("provider_specific_fields", "thought_signature")
_beside_call, _beside_name = attrgetter(*_CALL_FIELDS), attrgetter(*_FUNCTION_FIELDS)
_NOTHING = (None, None, None)


def call_extra(call: chat.ToolCallDelta) -> dict[str, Any]:
    """The fields of a call that its backend wants back with it; those of its function stand under `function`."""
    if _beside_call(call) == _NOTHING and (call.function is None or _beside_name(call.function) == _NOTHING[:2]):
        return {}
    extra = {name: value for name in _CALL_FIELDS if says_something(value := getattr(call, name))}
    if call.function is not None:
        of_function = {
            name: value for name in _FUNCTION_FIELDS if says_something(value := getattr(call.function, name))
        }
        if of_function:
            extra["function"] = of_function
    return extra
