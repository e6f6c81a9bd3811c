// The Vercel AI SDK with @ai-sdk/open-responses.
import assert from "node:assert/strict";
import { createOpenResponses } from "@ai-sdk/open-responses";
import { ask, sharedScenarios, withTools } from "./ai_sdk.mjs";
import { run, THOUGHT } from "./outcome.mjs";

const model = createOpenResponses({
  name: "proxy",
  url: `${process.env.OPENAI_BASE_URL}/responses`,
  apiKey: process.env.OPENAI_API_KEY,
});

await run({
  ...sharedScenarios(model),
  // It shows reasoning and does not send it back.
  async reasoning() {
    const results = await withTools(model("reasoning.not-resent"), "Paris is sunny.");
    for (const { steps } of results) assert.equal(steps[0].reasoningText, THOUGHT);
  },
  async cut() {
    for (const streamed of [false, true]) {
      await assert.rejects(ask({ model: model("cut"), prompt: "Speak." }, streamed));
    }
  },
});
