"""`ThinkTags`: reasoning that stands between tags at the start of the text, told apart from the answer.

Tags count only before the first visible character (nbramia/LifeOS#568); they may be cut anywhere. Where the chat
template opens the tag itself, all text waits for the closing one: without it, it was the answer. An answer that
calls without a visible word has said nothing.
"""

from __future__ import annotations

from translators.answering.fragments import Fragment, Reasoning, Text, ToolCall
from translators.answering.reading.filter import BESIDE_TEXT, MOST_SPACE, Filter, Lookout, could_begin


class ThinkTags(Filter):
    ignores = BESIDE_TEXT

    def __init__(self, tags: tuple[str, ...], *, prefilled: bool) -> None:
        self._openers = tuple(f"<{tag}>" for tag in tags)
        self._closers = tuple(f"</{tag}>" for tag in tags)
        self._inside = False
        self._prefilled = prefilled
        self._held: list[Text] = []
        self._text = ""  # of what is held
        self._tagged = False  # white space behind a tag belongs to neither side
        self._thought = False  # whether the open tag holds anything yet
        self._lookout: Lookout | None = None  # for the closing tag, where all that came is held back until then

    def feed(self, fragment: Fragment) -> list[Fragment]:
        if isinstance(fragment, Text):
            if self._begins_visibly(fragment.text):
                self.done = True
                return [fragment]
            self._held.append(fragment)
            if self._lookout is not None and not self._lookout.add(fragment.text):
                return []
            self._text = self._whole_text() if self._lookout is not None else self._text + fragment.text
            return self._read()
        if isinstance(fragment, ToolCall) and not self._inside and self._text.isspace():
            # vLLM streams the white space before a call, which its whole answer leaves out (fixtures/vllm-parallel-*).
            self._take()
        return [*self.flush(), fragment]

    def flush(self) -> list[Fragment]:
        held, text = self._take()
        if not self._inside:
            self.done = True
            return [*held]
        text = text.rstrip()
        return [Reasoning(text)] if text else []

    def _begins_visibly(self, text: str) -> bool:
        """Whether nothing came before it, and it begins with what is neither a tag nor white space: most answers do."""
        if self._held or self._inside or self._prefilled:
            return False
        return bool(text) and text[0] != "<" and not text[0].isspace()

    def _read(self) -> list[Fragment]:
        out: list[Fragment] = []
        while True:
            before = (self._inside, self._text)
            if self._inside:
                self._read_inside(out)
            else:
                self._read_start(out)
            if self.done or before == (self._inside, self._text):
                return out

    def _read_start(self, out: list[Fragment]) -> None:
        """Nothing visible has come yet."""
        start = self._text.lstrip()
        if self._tagged and start != self._text:
            self._keep(start)
        if not start:
            if len(self._text) > MOST_SPACE:
                self._give_up(out)
            return
        for opener in self._openers:
            if start.startswith(opener):
                self._keep(start[len(opener) :])
                self._tagged = True
                self._inside, self._prefilled, self._thought = True, False, False
                return
        if self._prefilled:
            self._read_prefilled()
            return
        for closer in self._closers:
            if start.startswith(closer):  # the reasoning came in a field of its own, its end did not
                self._keep(start[len(closer) :])
                self._tagged = True
                return
        if not any(mark.startswith(start) for mark in (*self._openers, *self._closers)):
            self._give_up(out)

    def _give_up(self, out: list[Fragment]) -> None:
        """No tag can follow."""
        held, _ = self._take()
        out += held
        self.done = True

    def _read_prefilled(self) -> None:
        if self._find_closer() is not None:
            self._inside, self._prefilled, self._tagged = True, False, True
        elif not any(opener.startswith(self._text.lstrip()) for opener in self._openers):
            self._lookout = Lookout(self._closers)
            self._lookout.add(self._text)
            self._text = ""

    def _whole_text(self) -> str:
        """What the lookout held back, which is done."""
        lookout, self._lookout = self._lookout, None
        return self._text if lookout is None else lookout.take()

    def _read_inside(self, out: list[Fragment]) -> None:
        text = self._text if self._thought else self._text.lstrip()
        found = self._find_closer()
        if found is not None:
            at, closer = found
            thought = self._text[:at].rstrip()
            thought = thought if self._thought else thought.lstrip()
            if thought:
                out.append(Reasoning(thought))
            self._inside = False
            self._keep(self._text[at + len(closer) :])
            return
        # The white space before a closing tag belongs to neither side.
        before = text[: len(text) - could_begin(text, self._closers)]
        sure = before if len(before) > MOST_SPACE and before[-MOST_SPACE:].isspace() else before.rstrip()
        if sure:
            self._thought = True
            out.append(Reasoning(sure))
            self._keep(text[len(sure) :])

    def _find_closer(self) -> tuple[int, str] | None:
        found = [(at, closer) for closer in self._closers if (at := self._text.find(closer)) >= 0]
        return min(found, default=None)

    def _keep(self, text: str) -> None:
        """Goes on with `text` alone; its log probabilities went with the tags."""
        self._held = [Text(text)] if text else []
        self._text = text

    def _take(self) -> tuple[list[Text], str]:
        held, text = self._held, self._whole_text()
        self._held, self._text = [], ""
        return held, text
