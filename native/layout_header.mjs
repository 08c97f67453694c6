#!/usr/bin/env node
/**
 * Writes the C++ header of a TypeScript layout: `node layout_header.mjs lib/event-layout.ts build/layouts/event_layout.h wire`.
 * A layout is a module of constants: numbers, and objects of numbers. An object called ...Layout becomes a namespace of
 * places in an array, any other object an enum class, a number an int32_t; names become kNames.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";

const [source, header, namespace] = process.argv.slice(2);
const constants = {};
const script = readFileSync(source, "utf8")
  .replaceAll(" as const", "")
  .replace(/^export const (\w+) =/gm, "const $1 = constants.$1 =");
new Function("constants", script)(constants);

const upper = (name) => name[0].toUpperCase() + name.slice(1);
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const lines = Object.entries(constants).flatMap(([name, value]) => {
  if (typeof value === "number") return `constexpr int32_t k${upper(name)} = ${value};`;
  const members = Object.entries(value);
  if (!name.endsWith("Layout"))
    return `enum class ${upper(name)} : int32_t { ${members.map(([key, number]) => `k${upper(key)} = ${number}`).join(", ")} };`;
  const places = members.map(([key, place]) => `constexpr size_t k${upper(key)} = ${place};`);
  return [`namespace ${snake(name)} {`, ...places, `}  // namespace ${snake(name)}`];
});
const text = [
  `// Made from ${basename(source)} by layout_header.mjs: change it there.`,
  ...["#pragma once", "#include <cstddef>", "#include <cstdint>", `namespace ${namespace} {`],
  ...lines,
  `}  // namespace ${namespace}`,
  "",
].join("\n");
if (!existsSync(header) || readFileSync(header, "utf8") !== text) {
  mkdirSync(dirname(header), { recursive: true });
  writeFileSync(header, text);
}
