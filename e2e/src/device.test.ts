import { join } from "node:path";
import type { Receipt } from "@infaas/api";
import { numbersOf } from "@infaas/client";
import { Cluster, infaas, root } from "./cluster";
import { validationRow } from "./validation";

const task = "digit-classification/uci-digits";
const model = "digits-mlp-s";
const EXAMPLES = 32;
const TOLERANCE = 1e-5;

describe("an executor with the host device", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: model, args: ["--device", "host"] });
  }, 300_000);
  afterAll(() => cluster?.stop());

  const variants = async () => (await cluster.client.listModels()).variants;
  const named = async (part: string) =>
    (await variants()).map(({ name }) => name).filter((name) => name.includes(part));

  it("has variants of the kernel module, measured on the device", async () => {
    const onDevice = (await variants()).filter(({ engine }) => engine === "kernels");
    expect(onDevice.map(({ name }) => name).sort()).toEqual([
      `${model}.v1.kernels-host-fp32-t1-b1`,
      `${model}.v1.kernels-host-fp32-t1-b64`,
    ]);
    for (const { profile, accuracy } of onDevice) {
      expect(profile?.engineVersion).toBe("kernel module 1 on host device");
      expect(profile?.hostType).toMatch(/\+host-device$/);
      expect(accuracy?.value).toBeGreaterThan(0.9);
    }
  });

  it("answers infaas query with the right digit, and the receipt names the device", async () => {
    const [variant = ""] = await named("kernels-host-fp32-t1-b1");
    const seven = join(root, "zoo/examples/seven.png");
    const asked = await infaas(cluster, "query", variant, "--image", seven, "--json");
    expect(asked.stderr).toBe("");
    const { outputs, receipt } = JSON.parse(asked.stdout) as {
      outputs: { values: number[] }[];
      receipt: Receipt;
    };
    const scores = outputs[0]?.values ?? [];
    expect(scores.indexOf(Math.max(...scores))).toBe(7);
    expect(receipt).toMatchObject({ variant, executor: "executor-1", device: "host device" });
    const printed = await infaas(cluster, "query", variant, "--image", seven);
    expect(printed.stdout).toContain("executor-1, on its host device");
  });

  it("answers many at once as the CPU does", async () => {
    const [onDevice = ""] = await named("kernels-host-fp32-t1-b64");
    const [onCpu = ""] = await named("onnxruntime-cpu-fp32-t1-b1");
    const ask = async (variant: string, example: number) => {
      const { outputs, receipt } = await cluster.client.query(variant, [validationRow(task, example).input]);
      return { scores: [...numbersOf(outputs[0]!)], device: receipt.device };
    };
    const examples = Array.from({ length: EXAMPLES }, (_, example) => example);
    const [there, here] = await Promise.all(
      [onDevice, onCpu].map((variant) => Promise.all(examples.map((example) => ask(variant, example)))),
    );
    for (const [example, { scores, device }] of there!.entries()) {
      expect(device).toBe("host device");
      expect(here![example]?.device).toBe("");
      const wanted = here![example]?.scores ?? [];
      const scale = Math.max(1, ...wanted.map(Math.abs));
      for (const [index, score] of scores.entries())
        expect(Math.abs(score - wanted[index]!)).toBeLessThanOrEqual(TOLERANCE * scale);
    }
  });
});
