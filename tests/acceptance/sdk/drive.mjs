// Drives the unmodified SDK by lines of JSON: `{on, call, args, as}` calls a method of what is kept under
// the path `on` and keeps the result under `as`; `{make, args, as}` makes an instance of an exported class;
// `{on}` alone shows. The answer is `{result}` or `{error}`. What apps give the SDK of their own (a browser,
// a radio) it asks its driver for, by `{ask, args}`; the next line is `{answer}`.

import { createInterface } from "node:readline";
import * as sdk from "@espressif/rainmaker-base-sdk";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value ?? "null");
const say = (told) => console.log(JSON.stringify(told, (_, value) => (value instanceof WeakRef ? undefined : value)));

const ask = (name) => async (...args) => {
  say({ ask: name, args });
  return (await next()).answer;
};

const stored = new Map();
const storage = {
  setItem: async (name, value) => void stored.set(name, value),
  getItem: async (name) => stored.get(name) ?? null,
  removeItem: async (name) => void stored.delete(name),
  clear: async () => stored.clear(),
};

sdk.ESPRMBase.configure({
  ...JSON.parse(process.argv[2]),
  version: "v1",
  customStorageAdapter: storage,
  oauthAdapter: { getOauthCode: ask("getOauthCode") },
  provisionAdapter: { sendData: ask("sendData"), provision: ask("provision") },
});

// A poll of the SDK's own that fails must not end the others.
process.on("unhandledRejection", (error) => console.error(error));

const kept = {
  auth: sdk.ESPRMBase.getAuthInstance(),
  base: sdk.ESPRMBase,
  storage: { all: () => Object.fromEntries(stored), set: (name, value) => stored.set(name, value).size },
};
const at = (path) => path.split(".").reduce((value, name) => value[name], kept);
// `{"callback": name}` becomes a function that keeps what it is called with.
const argument = (value) => {
  if (!value?.callback) return value;
  kept[value.callback] = [];
  return (told) => void kept[value.callback].push(told);
};

async function run({ on, call, make, args = [], as }) {
  const values = args.map(argument);
  const result = make ? new sdk[make](...values) : call ? await at(on)[call](...values) : at(on);
  if (as) kept[as] = result;
  return result;
}

for (let command = await next(); command; command = await next()) {
  try {
    say({ result: (await run(command)) ?? null });
  } catch (error) {
    say({ error: { name: error.name, message: error.message, ...error } });
  }
}
// What still polls has nobody to tell.
process.exit(0);
