// The OpenAI Agents SDK for JavaScript.
import assert from "node:assert/strict";
import {
  Agent,
  OpenAIConversationsSession,
  run as runAgent,
  setDefaultOpenAIClient,
  setTracingDisabled,
  tool,
} from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import { ALL_THOUGHTS, GREETING, PIXEL, refused, run, weather } from "./outcome.mjs";

setTracingDisabled(true);
setDefaultOpenAIClient(new OpenAI({ maxRetries: 0, timeout: 30_000 }));

const getWeather = tool({
  name: "get_weather",
  description: "The weather in a city.",
  parameters: z.object({ city: z.string() }),
  execute: weather,
});

async function ask(agent, input, stream, options = {}) {
  const result = await runAgent(agent, input, { stream, ...options });
  if (stream) {
    for await (const _ of result);
    await result.completed;
    if (result.error) throw result.error;
  }
  return result;
}

async function withTools(model, answer, options = {}) {
  for (const stream of [false, true]) {
    const agent = new Agent({ name: "Forecaster", model, tools: [getWeather], ...options });
    assert.equal((await ask(agent, "What is the weather?", stream)).finalOutput, answer);
  }
}

const error = (model) => refused((stream) => ask(new Agent({ name: "Unlucky", model }), "Say hello.", stream));

await run({
  async text() {
    const agent = new Agent({ name: "Greeter", instructions: "Be kind.", model: "text" });
    assert.equal((await ask(agent, "Say hello.", false)).finalOutput, GREETING);
  },
  async stream() {
    const agent = new Agent({ name: "Greeter", instructions: "Be kind.", model: "stream" });
    const result = await runAgent(agent, "Say hello.", { stream: true });
    const deltas = [];
    for await (const delta of result.toTextStream()) deltas.push(delta);
    await result.completed;
    assert.equal(deltas.join(""), GREETING);
    assert.ok(deltas.length > 1);
    assert.equal(result.finalOutput, GREETING);
  },
  async tools() {
    await withTools("tools", "The weather in Paris is sunny.");
    const greeter = new Agent({ name: "Greeter", handoffDescription: "Greets.", model: "tools.greeter" });
    const desk = new Agent({ name: "Desk", model: "tools.handoff", handoffs: [greeter] });
    for (const stream of [false, true]) {
      assert.equal((await ask(desk, "Greet me.", stream)).finalOutput, GREETING);
    }
  },
  async parallel() {
    await withTools("parallel", "Paris and Rome are sunny.", { modelSettings: { parallelToolCalls: true } });
  },
  async structured() {
    const outputType = z.object({ name: z.string(), year: z.number() });
    for (const stream of [false, true]) {
      const result = await ask(new Agent({ name: "Historian", model: "structured", outputType }), "Who?", stream);
      assert.deepEqual(result.finalOutput, { name: "Ada", year: 1815 });
    }
  },
  async image() {
    const content = [
      { type: "input_text", text: "What is this?" },
      { type: "input_image", image: PIXEL },
    ];
    const result = await ask(new Agent({ name: "Seer", model: "image" }), [{ role: "user", content }], false);
    assert.equal(result.finalOutput, "A single red pixel.");
  },
  async reasoning() {
    const modelSettings = {
      reasoning: { effort: "low", summary: "auto" },
      store: false,
      providerData: { include: ["reasoning.encrypted_content"] },
    };
    for (const stream of [false, true]) {
      const agent = new Agent({ name: "Thinker", model: "reasoning", tools: [getWeather], modelSettings });
      const result = await ask(agent, "What is the weather?", stream);
      const thoughts = result.newItems
        .filter((item) => item.type === "reasoning_item")
        .map((item) => item.rawItem.content[0].text);
      assert.deepEqual(thoughts, ALL_THOUGHTS);
    }
  },
  async state() {
    const agent = new Agent({ name: "Rememberer", model: "state" });
    const first = await ask(agent, "What is blue?", false);
    const question = "What was my first question?";
    const second = await ask(agent, question, false, { previousResponseId: first.lastResponseId });
    assert.equal(second.finalOutput, "You asked what blue is.");
    const session = new OpenAIConversationsSession();
    await ask(agent, "What is blue?", false, { session });
    assert.equal((await ask(agent, question, false, { session })).finalOutput, "You asked what blue is.");
  },
  async "error-400"() {
    const refusal = await error("error-400");
    assert.equal(refusal.status, 400);
    assert.equal(refusal.code, "invalid_value");
  },
  async "error-401"() {
    assert.equal((await error("error-401")).status, 401);
  },
  async "error-429"() {
    const refusal = await error("error-429");
    assert.equal(refusal.status, 429);
    assert.equal(refusal.headers.get("retry-after"), "7");
  },
  async "error-500"() {
    assert.equal((await error("error-500")).status, 500);
  },
  async overflow() {
    assert.equal((await error("overflow")).code, "context_length_exceeded");
  },
  async cut() {
    for (const stream of [false, true]) {
      await assert.rejects(ask(new Agent({ name: "Unlucky", model: "cut" }), "Speak.", stream));
    }
  },
});
