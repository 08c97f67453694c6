import { create } from "@bufbuild/protobuf";
import { ProfileModelRequestSchema, ProfileModelResponseSchema } from "@infaas/api";
import { Code } from "@infaas/runtime";
import { ProfileQueue, profilesWaitingMax } from "./profile-queue";

const request = create(ProfileModelRequestSchema);

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
    expect(await Promise.all([1, 2, 3].map(() => drain(queue.run(request))))).toEqual([1, 1, 1]);
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
    await expect(drain(queue.run(request))).rejects.toThrow("bad model");
    for await (const _ of queue.run(request)) break;
    expect(await drain(queue.run(request))).toBe(2);
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
    const waiting = Array.from({ length: profilesWaitingMax }, () => drain(queue.run(request)));
    await expect(drain(queue.run(request))).rejects.toMatchObject({ code: Code.RESOURCE_EXHAUSTED });
    release();
    expect(await Promise.all(waiting)).toHaveLength(profilesWaitingMax);
  });
});
