/** Lets a child process of a test require TypeScript, compiled as jest compiles it. */
const { transformSync } = require("@swc/core");
const { readFileSync } = require("node:fs");

require.extensions[".ts"] = (module, path) => {
  const { code } = transformSync(readFileSync(path, "utf8"), {
    filename: path,
    jsc: { target: "es2022", parser: { syntax: "typescript" } },
    module: { type: "commonjs" },
  });
  module._compile(code, path);
};
