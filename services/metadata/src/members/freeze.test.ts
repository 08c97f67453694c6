import { create } from "@bufbuild/protobuf";
import { PlanFreezeSchema } from "@infaas/api";
import { inMemory } from "../testing/in-memory";
import { setFreeze } from "./freeze";

const freeze = (by: string) => create(PlanFreezeSchema, { by, sinceEpochMs: 7 });

describe("setFreeze", () => {
  it("stands until it is taken back, and says who was first", async () => {
    const { writer, hub } = await inMemory();
    const stands = () => hub.view.of("freeze").map(({ by }) => by);
    await setFreeze(writer, freeze("a"));
    await setFreeze(writer, freeze("b"));
    expect(stands()).toEqual(["a"]);
    await setFreeze(writer, undefined);
    await setFreeze(writer, undefined);
    expect(stands()).toEqual([]);
  });
});
