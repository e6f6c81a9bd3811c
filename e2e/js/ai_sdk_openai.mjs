// The Vercel AI SDK with @ai-sdk/openai, which speaks the Responses API by default.
import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { ask, sharedScenarios, withTools } from "./ai_sdk.mjs";
import { ALL_THOUGHTS, run } from "./outcome.mjs";

const model = createOpenAI();

await run({
  ...sharedScenarios(model),
  // Without a store everything is sent again.
  async tools() {
    const providerOptions = { openai: { store: false } };
    await withTools(model("tools"), "The weather in Paris is sunny.", { providerOptions });
  },
  async parallel() {
    const providerOptions = { openai: { store: false } };
    await withTools(model("parallel"), "Paris and Rome are sunny.", { providerOptions });
  },
  async reasoning() {
    const openai = {
      store: false,
      forceReasoning: true,
      reasoningEffort: "low",
      reasoningSummary: "auto",
      include: ["reasoning.encrypted_content"],
    };
    const results = await withTools(model("reasoning"), "Paris and Rome are sunny.", { providerOptions: { openai } });
    for (const { steps } of results) {
      assert.deepEqual(steps.map((step) => step.reasoningText), ALL_THOUGHTS);
    }
  },
  // The provider's default: later turns name earlier items by their ids.
  async state() {
    await withTools(model("tools"), "The weather in Paris is sunny.");
    const messages = [{ role: "user", content: "What is blue?" }];
    const first = await ask({ model: model("state"), messages }, true);
    messages.push(...first.response.messages, { role: "user", content: "What was my first question?" });
    assert.equal((await ask({ model: model("state"), messages }, true)).text, "You asked what blue is.");
  },
  async cut() {
    await assert.rejects(ask({ model: model("cut"), prompt: "Speak." }, false));
    await assert.rejects(ask({ model: model("cut"), prompt: "Speak." }, true));
  },
});
