import { create } from "@bufbuild/protobuf";
import { ArchitectureSchema, TaskSchema, type Variant } from "@infaas/api";
import { TASK, wireVariant } from "../testing/house";
import { buildCatalog } from "./catalog";
import { LiveExecutor } from "./live-instance";
import { ModelHealth } from "./model-health";

/** A view that is changed by hand. */
function setUp() {
  const statuses = new Map<string, boolean>();
  const listeners: (() => void)[] = [];
  const executor = new LiveExecutor({
    name: "e1",
    address: "",
    linkAddress: "",
    incarnation: "1",
    hostType: "local-cpu",
    deviceKinds: ["cpu"],
    cores: 1,
    cpuCores: 1,
    memoryBytes: 1e9,
    pricePerHourUsd: 1,
  });
  executor.reachable = true;
  const view = {
    catalog: buildCatalog({ tasks: [], architectures: [], variants: [] }),
    instances: [],
    executors: new Map([["e1", executor]]),
    onStructure: (listener: () => void) => void listeners.push(listener),
  };
  new ModelHealth(view, {
    set: (name, serving) => void statuses.set(name, serving),
    remove: (name) => void statuses.delete(name),
  });
  const put = (...variants: Variant[]) => {
    const tasks = [create(TaskSchema, { name: TASK })];
    const architectures = [create(ArchitectureSchema, { name: "mlp", version: 1, aliases: ["digits-mlp"] })];
    view.catalog = buildCatalog({ tasks, architectures, variants });
    for (const listener of listeners) listener();
  };
  return { statuses, executor, put };
}

describe("ModelHealth", () => {
  it("knows every name that queries may use, and forgets those that are gone", () => {
    const { statuses, put } = setUp();
    put(wireVariant({ name: "mlp@1" }));
    expect([...statuses.keys()].sort()).toEqual(
      ["mlp@1", "mlp", "digits-mlp", TASK, "digit-classification"].sort(),
    );
    expect([...statuses.values()].every(Boolean)).toBe(true);
    put();
    expect([...statuses.keys()].sort()).toEqual(["digit-classification", TASK].sort());
    expect([...statuses.values()].some(Boolean)).toBe(false);
  });

  it("says that what was unloaded does not serve", () => {
    const { statuses, put } = setUp();
    put({ ...wireVariant({ name: "mlp@1" }), withheld: true });
    expect(new Set(statuses.values())).toEqual(new Set([false]));
  });
});
