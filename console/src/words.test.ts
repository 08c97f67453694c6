import { create } from "@bufbuild/protobuf";
import { ReceiptSchema } from "@infaas/api/messages";
import { dollars, milliseconds, percent, stagesOf } from "./words";

it("writes figures as people read them", () => {
  expect([milliseconds(0.4177), milliseconds(1234.5)]).toEqual(["0.418 ms", "1235 ms"]);
  expect([dollars(0), dollars(8.2478e-8), dollars(12.5)]).toEqual(["$0", "$0.000000082", "$12.50"]);
  expect(percent(0.7454)).toBe("74.5 %");
});

it("adds up stages to the whole", () => {
  const stages = stagesOf(create(ReceiptSchema, { selectMs: 1, computeMs: 2, totalMs: 5 }));
  expect(stages.reduce((sum, { ms }) => sum + ms, 0)).toBe(5);
  expect(stages.at(-1)).toEqual({ name: "rest", ms: 2 });
});
