// The Vercel AI SDK; the scenarios that its providers share.
import assert from "node:assert/strict";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { GREETING, PIXEL, refused, weather } from "./outcome.mjs";

const QUIET = { maxRetries: 0 };
const getWeather = tool({
  description: "The weather in a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: weather,
});

// The result with its promises fulfilled; raises what went wrong in the stream.
export async function ask(request, streamed) {
  if (!streamed) return generateText({ ...QUIET, ...request });
  let failure;
  const result = streamText({ ...QUIET, onError: ({ error }) => (failure = error), ...request });
  const deltas = [];
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") deltas.push(part.text);
    if (part.type === "error") failure = part.error;
  }
  if (failure) throw failure;
  return {
    deltas,
    text: await result.text,
    steps: await result.steps,
    finishReason: await result.finishReason,
    usage: await result.usage,
    output: request.output && (await result.output),
    response: await result.response,
  };
}

export async function withTools(model, answer, options = {}) {
  const results = [];
  for (const streamed of [false, true]) {
    const tools = { get_weather: getWeather };
    const request = { model, tools, stopWhen: stepCountIs(4), prompt: "What is the weather?", ...options };
    const result = await ask(request, streamed);
    assert.equal(result.text, answer);
    results.push(result);
  }
  return results;
}

export function sharedScenarios(model) {
  const error = (name) => refused((streamed) => ask({ model: model(name), prompt: "Say hello." }, streamed));
  return {
    async text() {
      const result = await ask({ model: model("text"), system: "Be kind.", prompt: "Say hello." }, false);
      assert.equal(result.text, GREETING);
      assert.equal(result.finishReason, "stop");
      assert.equal(result.usage.totalTokens, 20);
    },
    async stream() {
      const result = await ask({ model: model("stream"), prompt: "Say hello." }, true);
      assert.equal(result.deltas.join(""), GREETING);
      assert.ok(result.deltas.length > 1);
      assert.equal(result.finishReason, "stop");
    },
    async tools() {
      await withTools(model("tools"), "The weather in Paris is sunny.");
    },
    async parallel() {
      await withTools(model("parallel"), "Paris and Rome are sunny.");
    },
    async structured() {
      const output = Output.object({ schema: z.object({ name: z.string(), year: z.number() }) });
      for (const streamed of [false, true]) {
        const result = await ask({ model: model("structured"), prompt: "Who was Ada?", output }, streamed);
        assert.deepEqual(result.output, { name: "Ada", year: 1815 });
      }
    },
    async image() {
      const content = [
        { type: "text", text: "What is this?" },
        { type: "image", image: PIXEL },
      ];
      const result = await ask({ model: model("image"), messages: [{ role: "user", content }] }, false);
      assert.equal(result.text, "A single red pixel.");
    },
    async "error-400"() {
      const refusal = await error("error-400");
      assert.equal(refusal.statusCode, 400);
      assert.match(refusal.message, /too peculiar/);
    },
    async "error-401"() {
      assert.equal((await error("error-401")).statusCode, 401);
    },
    async "error-429"() {
      const refusal = await error("error-429");
      assert.equal(refusal.statusCode, 429);
      assert.equal(refusal.responseHeaders["retry-after"], "7");
    },
    async "error-500"() {
      assert.equal((await error("error-500")).statusCode, 500);
    },
    async overflow() {
      const refusal = await error("overflow");
      assert.equal(refusal.statusCode, 400);
      assert.match(refusal.responseBody, /context_length_exceeded/);
    },
  };
}
