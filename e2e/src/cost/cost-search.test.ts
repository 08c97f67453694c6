import { seededRandom } from "@infaas/runtime";
import { CostSearch } from "./cost-search";

describe("CostSearch", () => {
  it("finds what costs most by itself: many of the only byte that does", () => {
    const search = new CostSearch([Buffer.from("abc"), Buffer.from("xyz")], 10_000, seededRandom(1));
    for (let i = 0; i < 300; i++) {
      const bytes = search.propose();
      expect(bytes.length).toBeLessThanOrEqual(10_000);
      search.tell(bytes, bytes.filter((byte) => byte === 0x79).length);
    }
    expect(search.worst?.costMs).toBeGreaterThan(1_000);
  });
});
