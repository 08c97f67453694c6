import { create } from "@bufbuild/protobuf";
import { ArchitectureSchema, TaskSchema } from "@infaas/api";
import type { Executor } from "@infaas/policy";
import { TASK, wireVariant } from "../testing/house";
import { buildCatalog } from "../view/catalog";
import { PLACEMENT_KEPT_MS, PlacementRepair, UNSERVED_MAX_MS } from "./placement-repair";

const catalog = buildCatalog({
  tasks: [create(TaskSchema, { name: TASK })],
  architectures: [create(ArchitectureSchema, { name: "mlp", task: TASK, version: 1 })],
  variants: [
    wireVariant({ name: "fast", accuracy: 0.8, latencyMs: 1 }),
    wireVariant({ name: "good", accuracy: 0.9, latencyMs: 9 }),
  ],
});

function executor(name: string, accepting = true, memoryFreeBytes = 1e9): Executor {
  return {
    name,
    hostType: "local-cpu",
    deviceKinds: ["cpu"],
    cores: 8,
    memoryBytes: 1e9,
    pricePerHourUsd: 0.384,
    utilisation: 0,
    memoryFreeBytes,
    accepting,
  };
}

type Placement = { readonly variant: string; readonly executor: string };

function placement(variant: string, executor: string): Placement {
  return { variant, executor };
}

const none: ReadonlySet<string> = new Set();
const recordedOf = (placements: readonly Placement[]) => new Set(placements.map((p) => p.executor));

const nothing = { wanted: [], leftOut: [], dropped: [] };

describe("PlacementRepair", () => {
  /** Plans at 0 and then at `nowMs`; returns the second plan. */
  function later(placements: readonly Placement[], executors: readonly Executor[], nowMs: number) {
    const repair = new PlacementRepair();
    const recorded = recordedOf(placements);
    expect(repair.plan({ catalog, retired: none, placements, recorded, executors, nowMs: 0 })).toEqual(
      nothing,
    );
    return repair.plan({ catalog, retired: none, placements, recorded, executors, nowMs });
  }

  it("places nothing that a plan does without", () => {
    const repair = new PlacementRepair();
    const at = (nowMs: number, retired: ReadonlySet<string>) =>
      repair.plan({ catalog, retired, placements: [], recorded: [], executors: [executor("a")], nowMs })
        .wanted;
    expect(at(0, none)).toEqual([]);
    expect(at(UNSERVED_MAX_MS, new Set(["good"]))).toEqual([{ variant: "fast", executor: "a" }]);
    expect(at(2 * UNSERVED_MAX_MS, new Set(["good", "fast"]))).toEqual([]);
  });

  it("leaves alone what some accepting executor is to hold", () => {
    expect(later([placement("fast", "a")], [executor("a"), executor("b")], 1e9)).toEqual(nothing);
  });

  describe("when an architecture is placed nowhere that could answer", () => {
    it.each([
      ["gone", [executor("b")]],
      ["draining", [executor("a", false), executor("b")]],
    ])(
      "waits, then spreads its efficient variants over those that can: its executor is %s",
      (_how, executors) => {
        const placements = [placement("fast", "a")];
        expect(later(placements, executors, UNSERVED_MAX_MS - 1).wanted).toEqual([]);
        expect(later(placements, executors, UNSERVED_MAX_MS).wanted).toEqual([
          { variant: "fast", executor: "b" },
          { variant: "good", executor: "b" },
        ]);
      },
    );

    it("wants it once per bound, not in every round", () => {
      const repair = new PlacementRepair();
      const at = (nowMs: number) =>
        repair.plan({
          catalog,
          retired: none,
          placements: [],
          recorded: [],
          executors: [executor("b")],
          nowMs,
        }).wanted.length;
      expect([0, UNSERVED_MAX_MS, UNSERVED_MAX_MS + 1, 2 * UNSERVED_MAX_MS].map(at)).toEqual([0, 2, 0, 0]);
      expect(at(2 * UNSERVED_MAX_MS + 1)).toBe(2);
    });

    it("places at once on the first executor that joins when there was none", () => {
      const repair = new PlacementRepair();
      const at = (nowMs: number, executors: readonly Executor[]) =>
        repair.plan({ catalog, retired: none, placements: [], recorded: [], executors, nowMs }).wanted;
      expect(at(0, [])).toEqual([]);
      expect(at(UNSERVED_MAX_MS, [])).toEqual([]);
      expect(at(UNSERVED_MAX_MS + 1, [executor("new")])).toHaveLength(2);
    });

    it("says what found no room", () => {
      const { wanted, leftOut } = later([], [executor("b", true, 1_500_000)], UNSERVED_MAX_MS);
      expect(wanted).toEqual([{ variant: "fast", executor: "b" }]);
      expect(leftOut).toEqual([{ variant: "good", reason: "no-room" }]);
    });
  });

  describe("when an executor left", () => {
    const placements = [placement("fast", "a"), placement("fast", "gone")];
    const executors = [executor("a")];

    it("keeps its placements for it to come back to, and drops them after the bound", () => {
      expect(later(placements, executors, PLACEMENT_KEPT_MS - 1).dropped).toEqual([]);
      expect(later(placements, executors, PLACEMENT_KEPT_MS).dropped).toEqual(["gone"]);
    });

    it("counts anew after it was back, and after the lead was lost", () => {
      const repair = new PlacementRepair();
      const at = (nowMs: number, members: readonly Executor[]) =>
        repair.plan({
          catalog,
          retired: none,
          placements,
          recorded: recordedOf(placements),
          executors: members,
          nowMs,
        }).dropped;
      at(0, executors);
      at(1, [...executors, executor("gone")]);
      expect(at(PLACEMENT_KEPT_MS, executors)).toEqual([]);
      repair.forget();
      expect(at(3 * PLACEMENT_KEPT_MS, executors)).toEqual([]);
      expect(at(4 * PLACEMENT_KEPT_MS, executors)).toEqual(["gone"]);
    });
  });
});
