import { existsSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { build } from "esbuild";

/**
 * Bundles the client of the checkout at `root` to `folder`: index.mjs, index.cjs, and its types for both, which import nothing. Returns the
 * folders of the packages of others that are inside.
 */
export async function bundleClient(root, folder, tools) {
  const inside = new Set();
  for (const [format, file] of [
    ["esm", "index.mjs"],
    ["cjs", "index.cjs"],
  ]) {
    const { metafile } = await build({
      entryPoints: [join(root, "packages", "client", "src", "index.ts")],
      outfile: join(folder, file),
      ...{ format, bundle: true, platform: "node", target: "node20", keepNames: true, metafile: true },
      absWorkingDir: root,
      plugins: [sources(root)],
      logLevel: "error",
      // gRPC is CommonJS and asks for modules of Node by require.
      banner: { js: format === "esm" ? REQUIRE : "" },
    });
    for (const input of Object.keys(Object.values(metafile.outputs)[0].inputs)) {
      const [part] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? [];
      if (part !== undefined) inside.add(part);
    }
  }
  const types = await bundleTypes(root, tools);
  for (const file of ["index.d.mts", "index.d.cts"]) writeFileSync(join(folder, file), types);
  return [...inside].sort();
}

const REQUIRE =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

/** Resolves workspaces to their sources, of which modules that nothing is used of are left out. */
function sources(root) {
  const packages = join(root, "packages");
  const found = (path) => {
    const file = [`${path}.ts`, join(path, "index.ts"), path.replace(/\.js$/, ".ts")].find((each) =>
      existsSync(each),
    );
    return file === undefined ? undefined : { path: file, sideEffects: false };
  };
  return {
    name: "sources",
    setup(plugins) {
      plugins.onResolve({ filter: /^@infaas\// }, ({ path }) => {
        const [, name, ...rest] = path.split("/");
        return found(join(packages, name, "src", ...rest));
      });
      plugins.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) =>
        resolveDir.startsWith(packages) ? found(resolve(resolveDir, path)) : undefined,
      );
    },
  };
}

/** Declarations of the client and of all that they use, as one text. */
async function bundleTypes(root, tools) {
  const require = createRequire(join(tools, "package.json"));
  const { rollup } = require("rollup");
  const { dts } = require("rollup-plugin-dts");
  const declarations = {
    name: "declarations",
    resolveId(id) {
      const [scope, name, ...rest] = id.split("/");
      if (scope !== "@infaas") return null;
      return join(
        root,
        "packages",
        name,
        "dist",
        rest.length === 0 ? "index.d.ts" : `${rest.join("/")}.d.ts`,
      );
    },
  };
  const bundle = await rollup({
    input: join(root, "packages", "client", "dist", "index.d.ts"),
    plugins: [declarations, dts({ respectExternal: true, includeExternal: ["@bufbuild/protobuf"] })],
    external: (id) => /^(node:|@grpc\/|@opentelemetry\/)/.test(id),
  });
  const { output } = await bundle.generate({ format: "es" });
  const [{ code }] = output;
  const [left] = /^import .*/m.exec(code) ?? [];
  if (left !== undefined) throw new Error(`the types are not whole: ${left}`);
  return code;
}
