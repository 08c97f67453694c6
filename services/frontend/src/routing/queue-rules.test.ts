import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { LoadOverrideSchema } from "@infaas/api";
import { OFFLINE_PRIORITY } from "@infaas/policy";
import { queueRules } from "./queue-rules";

const override = (fields: MessageInitShape<typeof LoadOverrideSchema>) => create(LoadOverrideSchema, fields);

describe("queueRules", () => {
  it("goes by the query where nothing was overridden", () => {
    const lanes = [0, 1, 2, 3, 99].map((priority) => queueRules(undefined, { priority, queueTimeoutMs: 5 }));
    expect(lanes.map((rules) => rules.lane)).toEqual([1, 0, 1, 2, 2]);
    expect(lanes[0]?.timeoutMs).toBe(5);
  });

  it("gives the default level to a query without a priority that the variant has", () => {
    const two = override({ priorityLevels: 2, defaultPriority: 1 });
    const lanes = [0, 1, 2, 3].map((priority) => queueRules(two, { priority, queueTimeoutMs: null }).lane);
    expect(lanes).toEqual([0, 0, 1, 0]);
  });

  it("puts rows of jobs into the lowest lane, whatever levels the variant has", () => {
    const one = override({ priorityLevels: 1, defaultPriority: 1 });
    const wish = { priority: OFFLINE_PRIORITY, queueTimeoutMs: null };
    expect([undefined, one].map((loaded) => queueRules(loaded, wish).lane)).toEqual([2, 2]);
  });

  it.each<[string, boolean, number | null, number]>([
    ["without a timeout", false, null, 20],
    ["with a timeout that it may not state", false, 5, 20],
    ["with a shorter one that it may", true, 5, 5],
    ["with a longer one", true, 50, 20],
  ])("bounds the wait of a query %s", (_what, queueTimeoutOverridable, queueTimeoutMs, timeoutMs) => {
    const bounded = override({ queueTimeoutMs: 20, queueTimeoutOverridable });
    expect(queueRules(bounded, { priority: 0, queueTimeoutMs })).toEqual({ lane: 1, timeoutMs });
  });
});
