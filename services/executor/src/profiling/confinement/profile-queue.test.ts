import { create } from "@bufbuild/protobuf";
import { ProfileModelRequestSchema, ProfileModelResponseSchema } from "@infaas/api";
import { Code } from "@infaas/runtime";
import { PROFILES_WAITING_MAX, ProfileQueue } from "./profile-queue";

const request = create(ProfileModelRequestSchema);
const { signal } = new AbortController();

async function drain(steps: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of steps) count += 1;
  return count;
}

describe("ProfileQueue", () => {
  it("runs one at a time, in order", async () => {
    let running = 0;
    let most = 0;
    const queue = new ProfileQueue(async function* () {
      running += 1;
      most = Math.max(most, running);
      yield create(ProfileModelResponseSchema);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    });
    expect(await Promise.all([1, 2, 3].map(() => drain(queue.run(request, signal))))).toEqual([1, 1, 1]);
    expect(most).toBe(1);
  });

  it("goes on after one that failed or was given up half-way", async () => {
    let turn = 0;
    const queue = new ProfileQueue(async function* () {
      turn += 1;
      yield create(ProfileModelResponseSchema);
      if (turn === 1) throw new Error("bad model");
      yield create(ProfileModelResponseSchema);
    });
    await expect(drain(queue.run(request, signal))).rejects.toThrow("bad model");
    for await (const _ of queue.run(request, signal)) break;
    expect(await drain(queue.run(request, signal))).toBe(2);
  });

  it("does not begin one that was given up while it waited", async () => {
    const began: unknown[] = [];
    const queue = new ProfileQueue(async function* () {
      began.push(null);
      yield create(ProfileModelResponseSchema);
    });
    const first = drain(queue.run(request, signal));
    const givenUp = drain(queue.run(request, AbortSignal.abort()));
    await expect(givenUp).rejects.toMatchObject({ code: Code.CANCELLED });
    await first;
    expect(began).toHaveLength(1);
  });

  it("bounds how many wait", async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const queue = new ProfileQueue(async function* () {
      await held;
      yield create(ProfileModelResponseSchema);
    });
    const waiting = Array.from({ length: PROFILES_WAITING_MAX }, () => drain(queue.run(request, signal)));
    await expect(drain(queue.run(request, signal))).rejects.toMatchObject({ code: Code.RESOURCE_EXHAUSTED });
    release();
    expect(await Promise.all(waiting)).toHaveLength(PROFILES_WAITING_MAX);
  });
});
