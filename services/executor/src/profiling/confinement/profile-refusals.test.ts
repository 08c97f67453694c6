import { Code, ServiceError, VirtualClock } from "@infaas/runtime";
import { ProfileRefusals, REFUSAL_KEPT_MS, REFUSALS_MAX } from "./profile-refusals";

const crash = new ServiceError(Code.INVALID_ARGUMENT, "the model crashed with SIGSEGV while loading");

describe("ProfileRefusals", () => {
  const clock = new VirtualClock();

  it("repeats a refusal with its code and when it ends, and forgets it then", async () => {
    const refusals = new ProfileRefusals(clock);
    refusals.remember("sha256:a", crash);
    await clock.advance(1_000);
    expect(() => refusals.check("sha256:a")).toThrow(
      `${crash.message}; this file is tried again in 3599 s, or at once when asked to retry`,
    );
    expect(() => refusals.check("sha256:b")).not.toThrow();
    await clock.advance(REFUSAL_KEPT_MS);
    expect(() => refusals.check("sha256:a")).not.toThrow();
  });

  it("remembers a bounded number of files, the latest", () => {
    const refusals = new ProfileRefusals(clock);
    for (let file = 0; file <= REFUSALS_MAX; file++) refusals.remember(`sha256:${file}`, crash);
    expect(() => refusals.check("sha256:0")).not.toThrow();
    expect(() => refusals.check("sha256:1")).toThrow(crash.message);
    expect(() => refusals.check(`sha256:${REFUSALS_MAX}`)).toThrow(crash.message);
  });
});
