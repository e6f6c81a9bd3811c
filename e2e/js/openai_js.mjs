// The OpenAI SDK for JavaScript.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { ALL_THOUGHTS, GREETING, PIXEL, refused, run, weather } from "./outcome.mjs";

const client = new OpenAI({ maxRetries: 0, timeout: 30_000 });
const Person = z.object({ name: z.string(), year: z.number() });
const WEATHER = {
  type: "function",
  name: "get_weather",
  description: "The weather in a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
  strict: true,
};

async function ask(request, streamed) {
  return streamed ? client.responses.stream(request).finalResponse() : client.responses.create(request);
}

async function loop(model, streamed, options = {}) {
  const input = [{ role: "user", content: "What is the weather?" }];
  const said = [];
  for (let turn = 0; turn < 4; turn++) {
    const response = await ask({ model, input, tools: [WEATHER], ...options }, streamed);
    said.push(...response.output);
    input.push(...response.output);
    const calls = response.output.filter((item) => item.type === "function_call");
    if (!calls.length) return { said, text: response.output_text };
    for (const call of calls) {
      input.push({ type: "function_call_output", call_id: call.call_id, output: weather(JSON.parse(call.arguments)) });
    }
  }
  throw new Error("the loop did not end");
}

const error = (model) => refused((stream) => client.responses.create({ model, input: "Say hello.", stream }));

await run({
  async text() {
    const response = await client.responses.create({ model: "text", input: "Say hello.", instructions: "Be kind." });
    assert.equal(response.output_text, GREETING);
    assert.equal(response.status, "completed");
    assert.equal(response.usage.total_tokens, 20);
    assert.deepEqual(response.output[0].content[0].annotations, []);
  },
  async stream() {
    const deltas = [];
    const stream = client.responses.stream({ model: "stream", input: "Say hello." });
    let number = 0;
    for await (const event of stream) {
      assert.equal(event.sequence_number, number++);
      if (event.type === "response.output_text.delta") deltas.push(event.delta);
    }
    assert.equal(deltas.join(""), GREETING);
    assert.ok(deltas.length > 1);
    assert.equal((await stream.finalResponse()).output_text, GREETING);
  },
  async tools() {
    for (const streamed of [false, true]) {
      const { said, text } = await loop("tools", streamed);
      assert.deepEqual(said.map((item) => item.type), ["function_call", "message"]);
      assert.equal(text, "The weather in Paris is sunny.");
    }
  },
  async parallel() {
    for (const streamed of [false, true]) {
      const { said, text } = await loop("parallel", streamed, { parallel_tool_calls: true });
      assert.deepEqual(said.map((item) => item.type), ["message", "function_call", "function_call", "message"]);
      assert.equal(text, "Paris and Rome are sunny.");
    }
  },
  async structured() {
    const request = { model: "structured", input: "Who was Ada?", text: { format: zodTextFormat(Person, "person") } };
    assert.deepEqual((await client.responses.parse(request)).output_parsed, { name: "Ada", year: 1815 });
    const final = await client.responses.stream(request).finalResponse();
    assert.deepEqual(final.output_parsed, { name: "Ada", year: 1815 });
  },
  async image() {
    const content = [
      { type: "input_text", text: "What is this?" },
      { type: "input_image", image_url: PIXEL, detail: "auto" },
    ];
    const response = await client.responses.create({ model: "image", input: [{ role: "user", content }] });
    assert.equal(response.output_text, "A single red pixel.");
  },
  async reasoning() {
    for (const streamed of [false, true]) {
      const { said } = await loop("reasoning", streamed, {
        reasoning: { effort: "low", summary: "auto" },
        include: ["reasoning.encrypted_content"],
        store: false,
      });
      const thoughts = said.filter((item) => item.type === "reasoning").map((item) => item.summary[0].text);
      assert.deepEqual(thoughts, ALL_THOUGHTS);
    }
  },
  async state() {
    const first = await client.responses.create({ model: "state", input: "What is blue?" });
    const question = { model: "state", input: "What was my first question?" };
    const second = await client.responses.create({ ...question, previous_response_id: first.id });
    assert.equal(second.output_text, "You asked what blue is.");
    assert.equal((await client.responses.retrieve(first.id)).output[0].content[0].text, "Blue is a colour.");
    const conversation = await client.conversations.create();
    await client.responses.create({ model: "state", input: "What is blue?", conversation: conversation.id });
    const third = await client.responses.create({ ...question, conversation: conversation.id });
    assert.equal(third.output_text, "You asked what blue is.");
  },
  async "error-400"() {
    const refusal = await error("error-400");
    assert.ok(refusal instanceof OpenAI.BadRequestError);
    assert.equal(refusal.code, "invalid_value");
    assert.match(refusal.message, /too peculiar/);
  },
  async "error-401"() {
    assert.ok((await error("error-401")) instanceof OpenAI.AuthenticationError);
  },
  async "error-429"() {
    const refusal = await error("error-429");
    assert.ok(refusal instanceof OpenAI.RateLimitError);
    assert.equal(refusal.headers.get("retry-after"), "7");
  },
  async "error-500"() {
    assert.ok((await error("error-500")) instanceof OpenAI.InternalServerError);
  },
  async overflow() {
    const refusal = await error("overflow");
    assert.ok(refusal instanceof OpenAI.BadRequestError);
    assert.equal(refusal.code, "context_length_exceeded");
  },
  async cut() {
    const seen = [];
    for await (const event of await client.responses.create({ model: "cut", input: "Speak.", stream: true })) {
      seen.push(event);
    }
    assert.equal(seen.at(-1).type, "response.failed");
    assert.equal(seen.at(-1).response.error.code, "server_error");
    await assert.rejects(client.responses.create({ model: "cut", input: "Speak." }), OpenAI.InternalServerError);
  },
});
