import { create } from "@bufbuild/protobuf";
import { type Architecture, ArchitectureSchema, TaskSchema } from "@infaas/api";
import { TASK, wireVariant } from "../testing/house";
import { buildCatalog } from "./catalog";

const tasks = [TASK, "speech/one", "speech/two"].map((name) => create(TaskSchema, { name }));

function architecture(
  name: string,
  version: number,
  rest: Partial<Pick<Architecture, "aliases" | "batchable">> = {},
): Architecture {
  return create(ArchitectureSchema, { name, task: TASK, version, batchable: true, ...rest });
}

describe("buildCatalog", () => {
  const records = {
    tasks,
    architectures: [architecture("mlp", 1, { aliases: ["digits"] }), architecture("empty", 1)],
    variants: [wireVariant({ name: "mlp@1" })],
  };

  it.each([
    [TASK, TASK],
    ["digit-classification", TASK],
    ["mlp", "mlp"],
    ["digits", "mlp"],
    ["mlp@1", "mlp@1"],
  ])("finds %s as the policy resolves it", (name, model) => {
    expect(buildCatalog(records).find(name, "")).toMatchObject({ kind: "found", model: { name: model } });
  });

  it("says which tasks a shortened name could mean", () => {
    const candidates = ["speech/one", "speech/two"];
    expect(buildCatalog(records).find("speech", "")).toEqual({
      kind: "ambiguous",
      name: "speech",
      candidates,
    });
  });

  it("does not offer an architecture before its variants are recorded, but lists its record", () => {
    const catalog = buildCatalog(records);
    expect(catalog.find("empty", "")).toEqual({ kind: "unknown", name: "empty" });
    expect(catalog.architectures.map((a) => a.name)).toContain("empty");
  });

  it("keeps serving the variants there are while those of the next version are not recorded", () => {
    const next = architecture("mlp", 2, { aliases: ["digits"], batchable: false });
    const catalog = buildCatalog({ ...records, architectures: [architecture("mlp", 1), next] });
    expect(catalog.find("digits", "")).toMatchObject({
      kind: "found",
      model: { name: "mlp", version: "1", batched: true, architecture: { version: 1 } },
    });
    expect(catalog.find("mlp", "2")).toMatchObject({ kind: "no-version", available: [1] });
    expect(catalog.architectures.find((a) => a.name === "mlp")?.version).toBe(2);
  });

  it("leaves out what cannot be read, and says why", () => {
    const broken = wireVariant({ name: "mlp@broken" });
    broken.maxBatch = 0;
    const catalog = buildCatalog({ ...records, variants: [...records.variants, broken] });
    expect(catalog.wireVariants.map((v) => v.name)).toEqual(["mlp@1"]);
    expect(catalog.faults).toEqual([expect.stringContaining("mlp@broken")]);
  });
});
