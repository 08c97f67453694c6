import { describeInstruments } from "./instruments";

describe("describeInstruments", () => {
  it("tells name, unit and meaning of each", () => {
    const age = { name: "infaas.a.age", unit: "ms", description: "How old." };
    const size = { name: "infaas.a.size", unit: "By", description: "How large." };
    expect(describeInstruments({ age, size })).toBe(
      "  infaas.a.age, in ms\n      How old.\n  infaas.a.size, in By\n      How large.",
    );
  });
});
