import {
  RECLAIM_BUSY_BYTES_MIN,
  RECLAIM_BUSY_MS,
  RECLAIM_IDLE_BYTES_MIN,
  RECLAIM_IDLE_MS,
  ReclaimPolicy,
} from "./reclaim-policy";

const MIB = 1024 ** 2;
const settled = (bytes: number, nowMs = 0) => {
  const policy = new ReclaimPolicy();
  policy.reclaimed({ nowMs, residentBytes: bytes });
  return policy;
};

describe("ReclaimPolicy", () => {
  it.each([
    ["an idle process that has grown", RECLAIM_IDLE_MS, RECLAIM_IDLE_BYTES_MIN, 0, true],
    ["an idle process that has not", RECLAIM_IDLE_MS, RECLAIM_IDLE_BYTES_MIN - 1, 0, false],
    ["one that was busy a moment ago", RECLAIM_IDLE_MS - 1, 4 * RECLAIM_IDLE_BYTES_MIN, 0, false],
    ["a busy one that has grown much", 0, RECLAIM_BUSY_BYTES_MIN, RECLAIM_BUSY_MS, true],
    ["a busy one that gave memory back lately", 0, RECLAIM_BUSY_BYTES_MIN, RECLAIM_BUSY_MS - 1, false],
    ["a busy one that has grown little", 0, RECLAIM_BUSY_BYTES_MIN - 1, RECLAIM_BUSY_MS, false],
  ])("says of %s whether it gives memory back", (_, idleMs, grownBytes, nowMs, due) => {
    const residentBytes = 100 * MIB + grownBytes;
    expect(settled(100 * MIB).look({ nowMs, idleMs, residentBytes })).toBe(due);
  });

  it("asks a large busy process only for what is much beside what it has", () => {
    const grown = (bytes: number) => ({ nowMs: RECLAIM_BUSY_MS, idleMs: 0, residentBytes: bytes * MIB });
    expect(settled(4_000 * MIB).look(grown(4_900))).toBe(false);
    expect(settled(4_000 * MIB).look(grown(5_100))).toBe(true);
  });

  it("asks an idle process that has freed something, whatever it had", () => {
    const policy = settled(900 * MIB);
    policy.freed();
    expect(policy.look({ nowMs: 1, idleMs: RECLAIM_IDLE_MS, residentBytes: 900 * MIB })).toBe(true);
  });

  it("takes memory that became less for what is needed", () => {
    const policy = settled(4_000 * MIB);
    const look = (bytes: number) =>
      policy.look({ nowMs: 1, idleMs: RECLAIM_IDLE_MS, residentBytes: bytes * MIB });
    expect(look(100)).toBe(false);
    expect(look(900)).toBe(true);
  });
});
