import { HostState } from "@infaas/api";
import { type HostProcess, nextHostStep } from "./host-step";

const { UNSPECIFIED, REQUESTED, STARTING, UP, DRAINING, GONE } = HostState;
const states = [REQUESTED, STARTING, UP, DRAINING, GONE];
const processes: HostProcess["kind"][] = ["none", "starting", "joined", "failed", "ending"];

const step = (state: HostState | null, process: HostProcess["kind"], fault = "") => {
  const next = nextHostStep(state === null ? null : { state, fault }, process);
  return next.kind === "record"
    ? `${HostState[next.to]} from ${next.from.map((s) => HostState[s])}`
    : next.kind;
};

describe("nextHostStep", () => {
  it.each([
    [REQUESTED, "none", "start"],
    [REQUESTED, "starting", "STARTING from REQUESTED"],
    [STARTING, "starting", "none"],
    [STARTING, "joined", "UP from STARTING"],
    [UP, "joined", "none"],
    [DRAINING, "joined", "none"],
    [GONE, "joined", "end"],
    [GONE, "ending", "none"],
    [GONE, "none", "UNSPECIFIED from GONE"],
  ] as const)("takes a host through its life: %i with a process that is %s", (state, process, expected) => {
    expect(step(state, process)).toBe(expected);
  });

  it.each([
    ["asked for again while it still ends", REQUESTED, "ending", "none"],
    ["called off while it starts", GONE, "starting", "end"],
    ["lost while it was up", UP, "starting", "STARTING from UP"],
    ["lost while it drains", DRAINING, "starting", "end"],
    ["given up", STARTING, "failed", "GONE from STARTING"],
    ["given up, and told so", GONE, "failed", "forget"],
    ["left by an earlier life", UP, "none", "UNSPECIFIED from UP"],
    ["left by an earlier life in the middle of a drain", DRAINING, "none", "UNSPECIFIED from DRAINING"],
  ] as const)("knows what to do about a host that was %s", (_, state, process, expected) => {
    expect(step(state, process)).toBe(expected);
  });

  it("keeps the record of one that could not be started until it is asked for anew", () => {
    expect(step(GONE, "none", "port in use")).toBe("none");
  });

  it("ends what nobody has a record of, and does nothing about nothing", () => {
    expect([step(null, "joined"), step(null, "starting"), step(null, "none")]).toEqual([
      "end",
      "end",
      "none",
    ]);
  });

  it("comes to rest from anywhere within a few steps, and then leaves a wanted host running and an unwanted one gone", () => {
    for (const first of [null, ...states]) {
      for (const from of processes) {
        let [record, process] = [first, from];
        const seen: string[] = [];
        for (let i = 0; i < 8; i++) {
          const next = nextHostStep(record === null ? null : { state: record, fault: "" }, process);
          seen.push(next.kind);
          if (next.kind === "start") process = "joined";
          else if (next.kind === "end" || process === "ending") process = "none";
          else if (next.kind === "forget") process = "none";
          else if (next.kind === "record") record = next.to === UNSPECIFIED ? null : next.to;
        }
        expect(seen.slice(-2)).toEqual(["none", "none"]);
        const isWanted = record === UP || record === STARTING || record === DRAINING;
        expect([record, process !== "none"]).toEqual([record, isWanted]);
      }
    }
  });
});
