"""A word on each field of an answer, where the field's name does not say it."""

from __future__ import annotations

# What is read together with other fields alone, so that no sample shows it.
READ_WITH_OTHERS: dict[str, frozenset[str]] = {
    "choice": frozenset({"index", "finish_reason"}),
    "tool call": frozenset({"index"}),
}
WANTED_BACK = "sealed in a reasoning item, and back where it stood on the next turn"
_JUDGED = "how it was judged; what was cut says so by its finish reason"

NOTES: dict[str, dict[str, str]] = {
    "chunk": {
        "base_resp": "MiniMax's errors",
        "choices": "the first that comes is the answer; others are reported",
        "citations": "annotations of the text (xAI, Perplexity)",
        "code": "of an error without `error` (vLLM, SGLang)",
        "error": "the response fails with it",
        "message": "of an error without `error` (vLLM, SGLang)",
        "metadata": "SGLang's, about the server",
        "model": "the response names the model that was asked for",
        "object": "`error` marks an error without `error`",
        "param": "of an error without `error`: its message tells",
        "prompt": "Together repeats the prompt",
        "prompt_filter_results": _JUDGED,
        "provider": "OpenRouter: who answered",
        "search_info": "annotations of the text (DashScope)",
        "search_results": "annotations of the text (Perplexity)",
        "service_tier": "`service_tier` of the response",
        "type": "of an error without `error`: its message and code tell",
        "usage": "count by count below; several in one answer come together",
        "web_search": "annotations of the text (GLM)",
        "x_groq": "Groq's `usage`",
    },
    "choice": {
        "content_filter_offsets": _JUDGED,
        "content_filter_result": _JUDGED,
        "content_filter_results": _JUDGED,
        "error": "the response fails with it (OpenRouter)",
        "finish_reason": "word by word below",
        "index": "tells the first choice from others",
        "logprobs": "where the request includes them",
        "matched_stop": "which stop sequence it was (SGLang)",
        "message": "a whole answer",
        "native_finish_reason": "the model's own word for `finish_reason` (OpenRouter)",
        "stop_reason": "which stop sequence it was (vLLM)",
        "text": "where there is neither delta nor message; else it repeats the content (Together)",
        "usage": "as that of the chunk (Kimi)",
    },
    "delta": {
        "annotations": "annotations of the text",
        "audio": "its `transcript` is text; the sound is reported",
        "content": "text; blocks of text, thoughts, refusals and images; what else is in it is reported",
        "extra_content": f"Gemini's signature: {WANTED_BACK}",
        "function_call": "the form before tools: a call",
        "images": "`image_generation_call` items; an address stands in the text",
        "provider_specific_fields": f"LiteLLM's signatures: {WANTED_BACK}; others are reported",
        "reasoning": "reasoning (OpenRouter, vLLM, Ollama, Groq)",
        "reasoning_content": "reasoning (DeepSeek, SGLang, llama.cpp and many)",
        "reasoning_details": "records of the thought (OpenRouter, MiniMax): sealed, and back to who takes them",
        "reasoning_opaque": f"Copilot's signature: {WANTED_BACK}",
        "reasoning_text": "reasoning (Copilot), and back under this name",
        "refusal": "a refusal part; text for Codex",
        "thinking": "reasoning",
        "thinking_blocks": f"Claude's thoughts behind LiteLLM: reasoning; {WANTED_BACK}",
        "tool_calls": "calls",
        "role": "always the assistant's",
    },
    "tool call": {
        "extra_content": f"Gemini's signature: {WANTED_BACK}, early or late",
        "id": "`call_id`",
        "index": "tells calls apart that have no id",
        "provider_specific_fields": f"LiteLLM's signature: {WANTED_BACK}",
        "thought_signature": WANTED_BACK,
        "type": "calls are functions here",
    },
    "function": {
        "arguments": "text or an object",
        "name": "the client's own name for the tool again",
        "provider_specific_fields": f"LiteLLM's signature: {WANTED_BACK}",
        "thought_signature": WANTED_BACK,
    },
    "error": {
        "code": "a code that clients act upon stays, others are told in the message",
        "message": "redacted and bounded",
        "metadata": "`raw`: what the provider behind OpenRouter said",
    },
}

COUNT_NOTES: dict[str, str] = {
    "cached": "a part of the prompt",
    "cache_creation": "apart from the prompt or a part of it, as the total tells",
    "cache_read": "apart from the prompt or a part of it, as the total tells",
    "cache_write": "a part of the prompt",
    "completion": "what the total has beyond the parts is reasoning (xAI, Gemini)",
    "reasoning": "a part of the completion",
    "thoughts": "apart from the completion",
}
