import { processNameOf, SUSPICION_MS, SUSPICIONS_MAX, Suspicions } from "./suspicion";

describe("Suspicions", () => {
  it("gives a suspect a process of its own, and nobody else", () => {
    const suspicions = new Suspicions();
    suspicions.add("a", "SIGFPE", 0);
    expect(suspicions.suspects("a")).toBe(true);
    expect(suspicions.suspects("b")).toBe(false);
    expect(suspicions.restOf("a", 1)).toBeNull();
  });

  it("lets a variant rest after three ends, and run again once they are long ago", () => {
    const suspicions = new Suspicions();
    for (let i = 0; i < SUSPICIONS_MAX; i++) suspicions.add("a", "SIGFPE", i * 1_000);
    expect(suspicions.restOf("a", 3_000)).toBe(
      "its engine process ended 3 times within 10 minutes (SIGFPE); it is loaded again in 597 s",
    );
    expect(suspicions.restOf("a", SUSPICION_MS)).toBeNull();
  });

  it("does not count ends that are long ago", () => {
    const suspicions = new Suspicions();
    for (let i = 0; i < 10; i++) suspicions.add("a", "SIGFPE", (i * SUSPICION_MS) / 2);
    expect(suspicions.restOf("a", 4.5 * SUSPICION_MS)).toBeNull();
  });
});

describe("processNameOf", () => {
  const owner = { variant: "net.v1.fp32", architecture: "net.v1" };
  it.each([
    ["shared", false, "shared"],
    ["model", false, "model net.v1"],
    ["variant", false, "variant net.v1.fp32"],
    ["shared", true, "variant net.v1.fp32"],
  ] as const)("is by isolation %s, suspect: %s", (isolation, suspect, name) => {
    expect(processNameOf(owner, isolation, suspect)).toBe(name);
  });
});
