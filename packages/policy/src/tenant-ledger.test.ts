import { type TenantBounds, TenantLedger } from "./tenant-ledger";

const none: TenantBounds = { queriesPerSecond: null, burst: null, inFlightMax: null, queuedBytesMax: null };
const ledger = (bounds: Partial<TenantBounds>) => new TenantLedger({ ...none, ...bounds }, 0);

describe("TenantLedger", () => {
  it("bounds nothing that has no bound", () => {
    const free = ledger({});
    for (let i = 0; i < 1_000; i++) expect(free.admit(1e9, 0)).toBeNull();
    expect([free.inFlight, free.heldBytes]).toEqual([1_000, 1e12]);
  });

  it("bounds queries in flight, and counts those that ended no more", () => {
    const two = ledger({ inFlightMax: 2 });
    expect([two.admit(1, 0), two.admit(1, 0)]).toEqual([null, null]);
    expect(two.admit(1, 0)).toEqual({ bound: "inFlightMax", value: 3, limit: 2, retryAfterMs: null });
    two.release(1);
    expect(two.admit(1, 0)).toBeNull();
  });

  it("bounds the bytes that are held", () => {
    const small = ledger({ queuedBytesMax: 100 });
    expect(small.admit(60, 0)).toBeNull();
    expect(small.admit(60, 0)).toEqual({
      bound: "queuedBytesMax",
      value: 120,
      limit: 100,
      retryAfterMs: null,
    });
    small.release(60);
    expect(small.admit(100, 0)).toBeNull();
  });

  it("lets a burst pass, then the rate, and says when the next may come", () => {
    const slow = ledger({ queriesPerSecond: 10, burst: 3 });
    expect([0, 0, 0].map((ms) => slow.admit(1, ms))).toEqual([null, null, null]);
    expect(slow.admit(1, 40)).toMatchObject({ bound: "queriesPerSecond", limit: 10, retryAfterMs: 60 });
    expect(slow.admit(1, 100)).toBeNull();
    expect(slow.admit(1, 100)).not.toBeNull();
    for (const ms of [5_000, 5_000, 5_000]) expect(slow.admit(1, ms)).toBeNull();
    expect(slow.admit(1, 5_000)).not.toBeNull();
  });

  it("charges a refused query nothing", () => {
    const tight = ledger({ queriesPerSecond: 1, inFlightMax: 1 });
    expect(tight.admit(1, 0)).toBeNull();
    for (let i = 0; i < 10; i++) tight.admit(1, 2_000);
    tight.release(1);
    expect(tight.admit(1, 2_000)).toBeNull();
  });

  it("takes other bounds as they come", () => {
    const changing = ledger({ queriesPerSecond: 100 });
    changing.rebind({ ...none, queriesPerSecond: 1 });
    expect(changing.admit(1, 0)).toBeNull();
    expect(changing.admit(1, 0)).toMatchObject({ limit: 1 });
  });
});
