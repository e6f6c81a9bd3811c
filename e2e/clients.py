"""`CLIENTS`: which real clients are run, and the columns of the matrix they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["python", "guardrails", "frameworks", "frameworks-openai2", "js", "codex", "opencode"]
FROM_NPM: tuple[Group, ...] = ("js", "codex", "opencode")


@dataclass(frozen=True)
class Client:
    """A real client. `key` is its driver's file name and the API key by which the backend knows it."""

    key: str
    title: str
    package: str
    group: Group


CLIENTS = (
    Client("codex", "Codex CLI", "@openai/codex", "codex"),
    Client("openai_python", "OpenAI SDK, Python", "openai", "python"),
    Client("openai_js", "OpenAI SDK, JavaScript", "openai", "js"),
    Client("agents_python", "OpenAI Agents SDK, Python", "openai-agents", "python"),
    Client("agents_js", "OpenAI Agents SDK, JavaScript", "@openai/agents", "js"),
    Client("ai_sdk_openai", "Vercel AI SDK, OpenAI provider", "@ai-sdk/openai", "js"),
    Client("ai_sdk_open_responses", "Vercel AI SDK, Open Responses provider", "@ai-sdk/open-responses", "js"),
    Client("langchain_python", "LangChain", "langchain-openai", "python"),
    Client("pydantic_ai_python", "Pydantic AI", "pydantic-ai-slim", "python"),
    Client("guardrails_python", "OpenAI Guardrails", "openai-guardrails", "guardrails"),
    Client("litellm_python", "LiteLLM", "litellm", "frameworks"),
    Client("instructor_python", "Instructor", "instructor", "frameworks"),
    Client("haystack_python", "Haystack", "haystack-ai", "frameworks"),
    Client("agent_framework_python", "Agent Framework", "agent-framework-openai", "frameworks"),
    Client("dspy_python", "DSPy", "dspy", "frameworks"),
    Client("llm_cli", "`llm`, the command", "llm", "frameworks"),
    Client("llamaindex_python", "LlamaIndex", "llama-index-llms-openai", "frameworks-openai2"),
    Client("semantic_kernel_python", "Semantic Kernel", "semantic-kernel", "frameworks-openai2"),
    Client("opencode", "OpenCode", "opencode-ai", "opencode"),
)

SCENARIOS = {
    "text": "text",
    "stream": "stream",
    "tools": "tool loop",
    "parallel": "parallel tools",
    "structured": "structured output",
    "image": "image",
    "reasoning": "reasoning",
    "state": "stored state",
    "error-400": "400",
    "error-401": "401",
    "error-429": "429",
    "error-500": "500",
    "overflow": "overflow",
    "cut": "cut stream",
}
