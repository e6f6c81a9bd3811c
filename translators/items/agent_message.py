"""`agent_message`: what one agent says to another; the model takes it as said by a user.

Codex puts the text of parents that are not OpenAI's models, in the clear, into `encrypted_content`
(openai/codex#33551).
"""

from __future__ import annotations

from msgspec import Raw, Struct

from translators.decode import decode_as, is_null, is_string
from translators.errors import InvalidRequest
from translators.items.item import Item
from translators.items.parts import decode_parts
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import UserSpeech
from translators.schema.responses import NULL
from translators.tools import ToolMap

# How a Fernet token begins: real ciphertext, which only OpenAI can read.
_CIPHERTEXT = "gAAAAA"


class _Part(Struct):
    type: str = ""
    text: str | None = None
    encrypted_content: str | None = None


class AgentMessage(Item):
    content: Raw = NULL
    encrypted_content: str | None = None
    role: str | None = None
    author: Raw = NULL
    recipient: Raw = NULL

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        texts = self._texts(into, f"{at}.content")
        if self.encrypted_content:
            texts.append(_readable(self.encrypted_content, f"{at}.encrypted_content"))
        if texts:
            into.add(UserSpeech("\n".join(texts)))

    def _texts(self, into: MessageBuilder, at: str) -> list[str]:
        if is_null(self.content):
            return []
        if is_string(self.content):
            return [decode_as(str, self.content, at)]
        texts = []
        for index, raw in enumerate(decode_as(list[Raw], self.content, at)):
            part = _Part() if is_string(raw) else decode_as(_Part, raw, f"{at}[{index}]")
            if part.encrypted_content is not None:
                texts.append(_readable(part.encrypted_content, f"{at}[{index}].encrypted_content"))
            else:
                located = decode_parts(Raw(b"[" + bytes(raw) + b"]"), at, into.report)
                texts += [found.part.spoken for found in located if found.part.spoken]
        return texts


def _readable(text: str, at: str) -> str:
    if text.startswith(_CIPHERTEXT):
        raise InvalidRequest(
            "The message to this agent is encrypted for another provider and cannot be read here.",
            param=at,
            code="invalid_encrypted_content",
        )
    return text
