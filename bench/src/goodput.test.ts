import { seededRandom } from "@infaas/runtime";
import { measureGoodput } from "./goodput";
import { zooSubjects } from "./subjects";

describe("measureGoodput", () => {
  it("accounts for every arrival, with deadlines told and not", async () => {
    const subject = zooSubjects().find(({ name }) => name === "digits-vit");
    const reports = await measureGoodput(subject!, {
      multiples: [0.2],
      rounds: 1,
      windowMs: 200,
      warmUpMs: 20,
      random: seededRandom(1),
    });
    expect(reports.map(({ tellsDeadline }) => tellsDeadline)).toEqual([true, false]);
    for (const { goodput, multiple, late, refused, shed, computeExpired } of reports) {
      // What arrived is a Poisson draw, so the offered load is near the multiple but not it.
      expect(goodput).toBeLessThan(2 * multiple);
      expect(late + refused + shed).toBeLessThanOrEqual(1);
      expect(computeExpired).toBeLessThanOrEqual(1);
    }
  });
});
