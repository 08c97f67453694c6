/**
 * Lets a child process of a test run our TypeScript sources without a build: `node --require test/typescript.cjs x.ts`.
 * The same compiler and the same mapping of workspaces as jest.config.cjs.
 */
const Module = require("node:module");
const { readFileSync } = require("node:fs");
const { resolve } = require("node:path");
const { transformSync } = require("@swc/core");
const { moduleNameMapper } = require("../../../jest.config.cjs");

const root = resolve(__dirname, "../../..");
const workspaces = Object.entries(moduleNameMapper).map(([from, to]) => [
  new RegExp(from),
  to.replace("<rootDir>", root),
]);
const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  const workspace = workspaces.find(([from]) => from.test(request));
  return resolveFilename.call(
    this,
    workspace ? request.replace(workspace[0], workspace[1]) : request,
    ...rest,
  );
};

require.extensions[".ts"] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, "utf8"), {
    filename,
    module: { type: "commonjs" },
    jsc: { target: "es2022", parser: { syntax: "typescript" } },
    sourceMaps: "inline",
  });
  module._compile(code, filename);
};
