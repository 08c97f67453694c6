import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInfaasClient, type InfaasClient } from "@infaas/client";
import { freePorts, root } from "../cluster";
import { validationRow } from "../validation";
import { type Block, blocksOf } from "./blocks";
import { freshClone } from "./fresh-clone";
import { describeQueries, task } from "./queries";
import { type Ending, Shell } from "./shell";
import { missingLines } from "./shown-output";

jest.setTimeout(300_000);

/** Blocks of the README that may go without being run, each with its reason. */
const NOT_RUN_MAX = 3;
const blocks = blocksOf(readFileSync(join(root, "README.md"), "utf8"));
const isStart = (commands: string) => commands.startsWith("npm start");
const isDown = ({ commands }: Block) => commands.includes("infaas down");

/** NumPy's file of version 1.0 with float32 values in a shape (numpy.lib.format). */
function npy(shape: readonly number[], values: Buffer): Buffer {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const padded = header.padEnd(128 - 10 - 1).concat("\n");
  return Buffer.concat([Buffer.from("\x93NUMPY\x01\x00v\x00", "latin1"), Buffer.from(padded), values]);
}

/** A whole system as `npm start` makes it, and all that the README does with it. */
describe("the README in a fresh clone", () => {
  let clone: string;
  let shell: Shell;
  let address: string;
  let client: InfaasClient;
  const endings = new Map<Block, Ending>();

  beforeAll(async () => {
    clone = freshClone();
    const port = await freePorts();
    address = `127.0.0.1:${port}`;
    client = createInfaasClient(address);
    shell = new Shell(clone, port);
    // What its reader has.
    copyFileSync(join(clone, "zoo/models/digits-logreg.onnx"), join(clone, "my-model.onnx"));
    const rows = readFileSync(join(clone, "zoo/digit-classification/uci-digits/inputs.bin"));
    writeFileSync(join(clone, "rows.npy"), npy([4, 1, 8, 8], rows.subarray(0, 4 * 64 * 4)));
  });
  afterAll(async () => {
    client?.close();
    await shell?.close();
    if (clone !== undefined) rmSync(clone, { recursive: true, force: true });
  });

  const run = (some: readonly Block[]) =>
    it.each(some.filter(({ notRun }) => notRun === null).map((block) => [block.title, block] as const))(
      "%s",
      async (_title, block) => {
        const ending = await shell.run(block.commands);
        endings.set(block, ending);
        expect(ending).toMatchObject({ status: block.status });
        expect([missingLines(block.shown, ending.printed), ending.printed]).toEqual([[], ending.printed]);
      },
    );

  const firstDown = blocks.findIndex(isDown);
  describe("from its start to its end", () => run(blocks.slice(0, firstDown)));

  describe("answers", () => describeQueries(() => ({ address, client })));

  describe("its end and another start", () => {
    run(blocks.slice(firstDown));

    it("measured nothing again, and answers", async () => {
      const printed = endings.get(
        blocks.findLast(({ commands, notRun }) => notRun === null && isStart(commands))!,
      );
      expect(printed?.printed).not.toContain("profile");
      const { architectures } = await client.listModels();
      expect(architectures.map(({ name }) => name)).toEqual(
        expect.arrayContaining(["digits-vit", "my-digits"]),
      );
      expect(architectures.map(({ name }) => name)).not.toContain("my-model");
      const { receipt } = await client.query(task, [validationRow(task, 3).input], {});
      expect(receipt.variant).toBeTruthy();
    });
  });

  it("leaves few blocks out, and says why", () => {
    const reasons = blocks.flatMap(({ notRun }) => (notRun === null ? [] : [notRun]));
    expect(reasons.length).toBeLessThanOrEqual(NOT_RUN_MAX);
    for (const reason of reasons) expect(reason).toMatch(/^\w.{15,}/);
    expect(blocks.length - reasons.length).toBeGreaterThan(10);
  });
});
