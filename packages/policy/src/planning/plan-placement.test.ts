import { column, planClass, planHost, problem } from "../testing/planning-problems";
import { planPlacement } from "./plan-placement";
import type { PlacementPlan } from "./problem";

const where = ({ classes }: PlacementPlan) =>
  classes.map(
    ({ of, shares }) => `${of.key}: ${shares.map((s) => `${s.column.variant}@${s.host}`).join(" ")}`,
  );
const hosts = (count: number) => Array.from({ length: count }, (_, h) => planHost(`host-${h + 1}`));

describe("planPlacement", () => {
  it("replicates a variant over as many hosts as its class needs", () => {
    const plan = planPlacement(
      problem([planClass("a", [column({ variant: "v" })], { rowsPerSecond: 250 })], hosts(4)),
    );
    expect(where(plan)).toEqual(["a: v@host-1 v@host-2 v@host-3"]);
    expect(plan.price.hosts).toBe(3);
  });

  it("puts classes together that fit one host", () => {
    const classes = ["a", "b"].map((key) => planClass(key, [column({ variant: key })]));
    expect(where(planPlacement(problem(classes, hosts(3))))).toEqual(["a: a@host-1", "b: b@host-1"]);
  });

  it("stays where a variant is placed rather than load it elsewhere", () => {
    const [first, second] = hosts(2);
    if (first === undefined || second === undefined) throw new Error("no hosts");
    const held = [first, { ...second, placed: new Set(["v"]) }];
    const plan = planPlacement(problem([planClass("a", [column({ variant: "v" })])], held));
    expect(where(plan)).toEqual(["a: v@host-2"]);
    expect(plan.price.loads).toBe(0);
  });

  it("moves what stands alone onto a host that is paid for, when the load costs less than the host", () => {
    const paid = { ...planHost("host-1"), addedUsdPerHour: 0 };
    const other = { ...planHost("host-2"), placed: new Set(["v"]) };
    const asked = (loadMs: number) =>
      where(planPlacement(problem([planClass("a", [column({ variant: "v", loadMs })])], [paid, other])));
    expect(asked(1_000)).toEqual(["a: v@host-1"]);
    expect(asked(120_000)).toEqual(["a: v@host-2"]);
  });

  describe("of a class that one variant satisfies better than another", () => {
    const exact = column({ variant: "exact", hostSecondsPerRow: 0.02 });
    const fast = column({ variant: "fast", hostSecondsPerRow: 0.002, penaltyUsdPerRow: 3e-5 });
    const asked = (rowsPerSecond: number, count: number, maxUsdPerHour: number | null = null) =>
      planPlacement(
        problem([planClass("a", [exact, fast], { rowsPerSecond })], hosts(count), { maxUsdPerHour }),
      );

    it("takes the better while there are hosts for it", () => {
      expect(where(asked(90, 2))).toEqual(["a: exact@host-1 exact@host-2"]);
    });

    it("takes the other when there are not, or not for the dollars that may be spent", () => {
      expect(where(asked(400, 2))[0]).toContain("fast@");
      expect(where(asked(90, 2, 1))[0]).toContain("fast@");
      expect(asked(90, 2, 1).classes[0]?.unservedPerSecond).toBe(0);
    });
  });

  it("turns away the class that counts less where not all fits", () => {
    const classes = [
      planClass("a", [column({ variant: "v" })], { rowsPerSecond: 80, weight: 1 }),
      planClass("b", [column({ variant: "v" })], { rowsPerSecond: 80, weight: 5 }),
    ];
    const plan = planPlacement(problem(classes, hosts(1)));
    expect(plan.classes.map(({ of, unservedPerSecond }) => [of.key, Math.round(unservedPerSecond)])).toEqual([
      ["a", 60],
      ["b", 0],
    ]);
  });

  it("uses the cheaper type of host for what that costs", () => {
    const onBoth = [
      column({ variant: "v", hostSecondsPerRow: 0.01 }),
      column({ variant: "v-large", hostType: "large", hostSecondsPerRow: 0.001 }),
    ];
    const large = planHost("large-1", { hostType: "large", usdPerHour: 4, addedUsdPerHour: 4 });
    const asked = (rowsPerSecond: number) =>
      where(planPlacement(problem([planClass("a", onBoth, { rowsPerSecond })], [...hosts(9), large])));
    expect(asked(150)).toEqual(["a: v@host-1 v@host-2"]);
    expect(asked(800)).toEqual(["a: v-large@large-1"]);
  });
});
