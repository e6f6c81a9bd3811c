"""What the code cannot say of itself: what the shell does, and a word on each row that needs one."""

from __future__ import annotations

DIRECT_ITEMS = frozenset({"message", "function", "function_call", "function_call_output"})
"""Items and tools that Chat Completions has itself."""

# What the shell does, of which no trace is in a translated request.
DONE_BY_THE_SHELL: dict[str, dict[str, tuple[str, str]]] = {
    "parameters": {
        "background": ("emulated", "the upstream call runs on without its client: poll it, stream it again, cancel it"),
        "context_management": ("emulated", "a context over its threshold is summarised before it is answered"),
        "conversation": ("emulated", "its items go before the input, and the turn is added to it"),
        "max_tool_calls": ("emulated", "a limit on tools that the server runs: none is run here, so it holds; echoed"),
        "metadata": ("emulated", "kept with the response and echoed"),
        "model": ("transformed", "the configuration says which upstream gets it, under which name"),
        "previous_response_id": ("emulated", "the stored responses go before the input"),
        "store": ("emulated", "kept here, never by the upstream"),
        "truncation": ("emulated", "`auto` leaves out the oldest turns of what does not fit, and says so"),
    },
    "input items": {"item_reference": ("emulated", "looked up among the stored items")},
    "tools": {},
    "tool_choice": {},
    "include": {"reasoning.encrypted_content": ("emulated", "reasoning is sealed here and opened when it comes back")},
}

# A word on what the code does not say of itself.
NOTES: dict[str, dict[str, str]] = {
    "parameters": {
        "include": "value by value below",
        "instructions": "the first system or developer message",
        "max_output_tokens": "`max_tokens` or `max_completion_tokens`",
        "parallel_tool_calls": "said where the upstream's own default differs or `false` is wanted",
        "reasoning": "`effort` in the upstream's own words and levels, `summary` as the form of what it thinks",
        "stream": "the events are the bridge's own; the upstream is asked for its usage",
        "text": "`format` as `response_format`, or by the next best means that the upstream has; `verbosity` as it is",
        "tool_choice": "form by form below",
        "tools": "type by type below",
    },
    "input items": {
        "additional_tools": "offered like the tools of the request",
        "configuration_update": "holds for the request that has it in its history",
        "image_generation_call": "a call, its output, and the image in a user message",
        "message": "parts become the parts that the upstream takes: text, images, audio, files",
        "reasoning": "in the field that the upstream reads; never to one that would refuse it",
        "tool_search_output": "the tools found are offered",
    },
    "output items": {
        "apply_patch_call": "a function of the bridge, called",
        "computer_call": "a function of the bridge, called",
        "local_shell_call": "a function of the bridge, called",
        "shell_call": "a function of the bridge, called; the environment is the client's own",
        "tool_search_call": "a function of the bridge, called",
        "function_call": "names and call ids are the client's own again",
        "image_generation_call": "an image in the model's own answer (`images`, or a part of its content)",
        "message": "text, refusals, annotations and log probabilities; its phase once it is known",
        "custom_tool_call": "a function with the one argument `input`, unwrapped as it streams",
        "reasoning": "from its fields, records, thinking blocks or parts, or think tags; sealed with signatures",
    },
    "tools": {
        "namespace": "its tools under joined names, and back",
        "custom": "a function with the one argument `input`; a grammar is checked here",
        "tool_search": "a function; deferred tools are held back until it finds them (`execution: client`)",
    },
    "tool_choice": {
        "allowed_tools": "as it is, or held here: all is offered, and calls of other tools are asked again",
        "none": "where the upstream does not know it, no tools are offered",
    },
    "include": {},
    "events": {
        "error": "over WebSockets; a stream that fails ends with `response.failed`",
        "response.queued": "of background responses",
    },
}
