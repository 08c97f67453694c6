import { seededRandom, systemRandom } from "./random";

describe("seededRandom", () => {
  it("gives the same for the same seed and another for another", () => {
    const take = (seed: number) => {
      const random = seededRandom(seed);
      return [random.next(), random.next(), random.hex(4)];
    };
    expect(take(7)).toEqual(take(7));
    expect(take(7)).not.toEqual(take(8));
  });

  it("is spread evenly over [0, 1)", () => {
    const random = seededRandom(1);
    const buckets = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i += 1) buckets[Math.floor(random.next() * 10)]! += 1;
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});

describe("systemRandom", () => {
  it("gives hexadecimal of the length asked for", () => {
    expect(systemRandom.hex(16)).toMatch(/^[0-9a-f]{32}$/);
    expect(systemRandom.next()).toBeLessThan(1);
  });
});
