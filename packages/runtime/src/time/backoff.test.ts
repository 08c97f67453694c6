import { seededRandom } from "../process/random";
import { Backoff, backoffMs } from "./backoff";

const options = { firstMs: 50, maxMs: 1_000 };

describe("backoffMs", () => {
  it.each([
    [0, 50],
    [1, 100],
    [4, 800],
    [5, 1_000],
    [5_000, 1_000],
  ])("after %d failures before is %d ms", (failuresBefore, pauseMs) =>
    expect(backoffMs(options, failuresBefore)).toBe(pauseMs),
  );

  it("with jitter is spread over the upper half of the pause", () => {
    const jitter = seededRandom(7);
    const pauses = Array.from({ length: 1_000 }, () => backoffMs({ ...options, jitter }, 3));
    expect(Math.min(...pauses)).toBeGreaterThan(200);
    expect(Math.min(...pauses)).toBeLessThan(210);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(400);
    expect(Math.max(...pauses)).toBeGreaterThan(390);
  });
});

describe("Backoff", () => {
  it("doubles with each failure and starts over after a success", () => {
    const backoff = new Backoff(options);
    expect([backoff.failed(), backoff.failed(), backoff.failed()]).toEqual([50, 100, 200]);
    expect(backoff.failures).toBe(3);
    backoff.succeeded();
    expect(backoff.failures).toBe(0);
    expect(backoff.failed()).toBe(50);
  });
});
