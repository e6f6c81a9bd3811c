// `run(scenarios)`: each scenario of a JavaScript client, one line of JSON each on stdout.
// Where the proxy is and which key to present, the clients take from OPENAI_BASE_URL and OPENAI_API_KEY.
import assert from "node:assert/strict";

export const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
export const GREETING = "Hello from the other side.";
export const THOUGHT = "I must look at the weather first.";
export const SECOND_THOUGHT = "Now I know the weather in Paris.";
export const ALL_THOUGHTS = [THOUGHT, SECOND_THOUGHT, "That is all."];

export const weather = ({ city }) => `It is sunny in ${city}.`;

// With arguments, those scenarios only.
export async function run(scenarios) {
  const chosen = process.argv.slice(2);
  for (const name of chosen.length ? chosen : Object.keys(scenarios)) {
    let complaint = null;
    try {
      await scenarios[name]();
    } catch (error) {
      const line = /\.mjs:(\d+)/.exec(error?.stack ?? "")?.[1];
      complaint = `line ${line}: ${error?.name}: ${error?.message}`.slice(0, 1000);
    }
    process.stdout.write(JSON.stringify({ scenario: name, complaint }) + "\n");
  }
  process.exit(0); // some clients keep timers
}

// The error of `ask`, asked streamed and not; it must be the same kind both times.
export async function refused(ask) {
  const errors = [];
  for (const streamed of [false, true]) {
    try {
      await ask(streamed);
    } catch (error) {
      errors.push(error);
    }
  }
  assert.equal(errors.length, 2, "it was answered");
  assert.equal(errors[0].name, errors[1].name);
  return errors[1];
}
