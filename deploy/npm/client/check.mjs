import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withSystem } from "./system.mjs";

/** What both module systems run: a query with its receipt, and a failure by its class. */
const BODY = `
const infaas = createInfaasClient(process.argv[2] ?? "");
async function main() {
  const pixels = new Array(64).fill(0);
  const image = tensorFromNumbers("image", "FP32", [1, 1, 8, 8], pixels);
  const { outputs, receipt } = await infaas.query("digit-classification", [image], { minAccuracy: 0.9 });
  const [logits] = outputs;
  if (logits === undefined || numbersOf(logits).length !== 10) throw new Error("ten scores were awaited");
  const failure = await infaas.query("no-such-task", [image]).then(() => null, (error) => error);
  if (!(failure instanceof ServiceError) || failure.code !== Code.NOT_FOUND) throw new Error(String(failure));
  console.log(receipt.variant, failure.name, failure.message);
}
main().finally(() => infaas.close());
`;
const NAMES = "{ Code, createInfaasClient, numbersOf, ServiceError, tensorFromNumbers }";

/** Throws unless the package is clean to publint and attw, has types that compile, and both module systems get answers by it. */
export async function checkClient({ tarball, root, tools }) {
  const folder = mkdtempSync(join(tmpdir(), "infaas-client-"));
  const run = (command, ...args) =>
    execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  try {
    writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
    run("npm", "install", "--no-audit", "--no-fund", tarball);
    const beside = readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith("."));
    if (beside.join() !== "@infaas") throw new Error(`beside it were installed: ${beside.join(", ")}`);
    const bin = (name) => join(tools, "node_modules", ".bin", name);
    process.stdout.write(run(bin("publint"), "--strict", join(folder, "node_modules", "@infaas", "client")));
    process.stdout.write(run(bin("attw"), "--profile", "node16", "--no-emoji", tarball));
    writeFileSync(join(folder, "esm.mts"), `import ${NAMES} from "@infaas/client";\n${BODY}`);
    writeFileSync(
      join(folder, "cjs.cts"),
      `import client = require("@infaas/client");\nconst ${NAMES} = client;\n${BODY}`,
    );
    const types = ["--strict", "--types", "node", "--typeRoots", join(root, "node_modules", "@types")];
    const compiler = join(root, "node_modules", ".bin", "tsc");
    run(compiler, ...types, "--module", "nodenext", "--target", "es2022", "esm.mts", "cjs.cts");
    await withSystem(root, (address) => {
      for (const file of ["esm.mjs", "cjs.cjs"])
        process.stdout.write(`${file}: ${run(process.execPath, file, address)}`);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
