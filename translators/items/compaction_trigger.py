"""`compaction_trigger`: asks for one `compaction` item in place of an answer.

Codex fails at anything else, and has no summary of its own to go on with (router-for-me/CLIProxyAPI#4848).
"""

from __future__ import annotations

from translators.errors import InvalidRequest
from translators.items.item import Item, LocatedItem
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import UserSpeech
from translators.tools import ToolMap

ASK_FOR_SUMMARY = """\
Stop here and write a summary that lets another assistant go on with this work without having seen the conversation.
Say what the user wants, in their own terms; what was decided and why; what was done, with the names of files, \
commands and results that matter; what is left to do and what comes next; and any constraint or preference that \
still holds. Keep identifiers, numbers and paths exact. Write the summary and nothing else, and call no tool."""


class CompactionTrigger(Item):
    acts = True

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        into.add(UserSpeech(ASK_FOR_SUMMARY))


def is_compaction(items: list[LocatedItem]) -> bool:
    """Tells whether the request asks for a compaction.

    Raises InvalidRequest for a trigger that is not the last item, or the only one."""
    if len(items) == 1 and type(items[0].item) is CompactionTrigger:
        raise InvalidRequest("There is nothing to compact in 'input'.", param="input", code="invalid_value")
    for located in items[:-1]:
        if type(located.item) is CompactionTrigger:
            raise InvalidRequest("'compaction_trigger' must be the last item of the input.", param=located.at)
    return bool(items) and type(items[-1].item) is CompactionTrigger
