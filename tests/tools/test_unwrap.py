"""The input of custom tools out of its JSON: however it is cut and escaped, the text is the same."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.decode import is_json_object
from translators.tools.repair import repaired
from translators.tools.unwrap import InputReader

texts = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from('"\\\n{}, 😀\u2028')), max_size=40)
cuts = st.lists(st.integers(0, 400), max_size=8)


def read(pieces: list[str]) -> str:
    reader = InputReader()
    return "".join([reader.feed(piece) for piece in pieces]) + reader.close()


def cut_at(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges)]


@given(texts, st.booleans(), st.sampled_from([None, 1]), cuts)
def test_any_cut_of_any_escaping_gives_the_text(
    text: str, ascii_only: bool, indent: int | None, places: list[int]
) -> None:
    wrapped = json.dumps({"input": text}, ensure_ascii=ascii_only, indent=indent)
    assert read([wrapped]) == text
    assert read(cut_at(wrapped, places)) == text
    assert read(list(wrapped)) == text


@given(
    st.one_of(texts, texts.map(lambda text: '{"input":"' + text), texts.map(lambda text: '{"input": "' + text + '"}')),
    cuts,
)
def test_any_cut_of_anything_gives_the_same_text(arguments: str, places: list[int]) -> None:
    assert read(cut_at(arguments, places)) == read(list(arguments)) == read([arguments])


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d", "\ufffd"),
        (r"\ude00\ud83d", "\ufffd\ufffd"),
        (r"\ud83dx", "\ufffdx"),
        (r"\d \'", r"\d \'"),
        ("raw\nline", "raw\nline"),
        (r"C:\\new", r"C:\new"),
    ],
)
def test_escapes(escaped: str, text: str) -> None:
    wrapped = f'{{"input":"{escaped}"}}'
    assert read([wrapped]) == read(list(wrapped)) == text


def test_text_comes_out_while_it_arrives() -> None:
    reader = InputReader()
    assert [reader.feed(piece) for piece in ('{ "inp', 'ut" : "a', "b", "\\", 'n"', " }")] == [
        "",
        "a",
        "b",
        "",
        "\n",
        "",
    ]
    assert reader.ended


json_objects = st.dictionaries(
    st.text(max_size=4), st.one_of(st.text(max_size=20), st.integers(), st.none()), max_size=4
)


@given(json_objects, st.sampled_from([None, 2]))
def test_valid_arguments_are_never_repaired(value: dict[str, object], indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert repaired(text) == text


@given(st.text(max_size=60))
def test_a_repair_gives_an_object_or_changes_nothing(text: str) -> None:
    assert repaired(text) == text or is_json_object(repaired(text))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ('```json\n{"a":1}\n```', '{"a":1}'),
        ('Sure:\n```\n{"a":1}\n``` there', '{"a":1}'),
        ('Here it is: {"a":1}. Done', '{"a":1}'),
        ('"{\\"a\\":1}"', '{"a":1}'),
        ('{<|"|>a<|"|>:1}', '{"a":1}'),
        ('<|im_start|>{"a":1}<|im_end|>', '{"a":1}'),
        ("{", "{"),
        ("no arguments", "no arguments"),
    ],
)
def test_t30_t31_repairs(said: str, meant: str) -> None:
    assert repaired(said) == meant
