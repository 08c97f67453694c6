import { create } from "@bufbuild/protobuf";
import { InstancePhase, InstanceStatusSchema } from "@infaas/api";
import { Code } from "@infaas/runtime";
import {
  type House,
  inferenceOf,
  inferRequest,
  parametersOf,
  putInstances,
  refusalOf,
  startAnother,
  startHouse,
  TASK,
  until,
} from "../testing/house";

jest.setTimeout(60_000);

describe("LoadRequests", () => {
  let house: House;
  afterEach(() => house.stop());
  const leads = () => until(() => house.frontend.view.leader !== "");
  const generationOf = (variant: string) => house.frontend.view.placedOn(variant)[0]?.generation ?? 0n;

  /** What the executor says of a variant that it has no memory for, as the entry of this generation asks. */
  function lackMemory(variant: string, generation: bigint): void {
    const said = { phase: InstancePhase.FAILED, reason: "no room", lacksMemory: true, generation };
    const instances = [create(InstanceStatusSchema, { variant, executor: "e1", ...said })];
    house.metadata.put("report/e1", { case: "report", value: { executor: "e1", instances } });
  }

  it("has 64 queries at two frontends wait for one load, and takes the requests back after it", async () => {
    house = await startHouse({ e1: [], e2: [] }, undefined, ["--name", "f1"]);
    const { metadata } = house;
    const other = await startAnother(metadata, ["--name", "f2"]);
    const second = inferenceOf(other.frontend.address);
    await leads();
    await until(() => [...other.frontend.view.executors.values()].filter((e) => e.accepting).length === 2);
    const calls = Array.from({ length: 64 }, (_, i) =>
      (i % 2 === 0 ? house.inference : second).modelInfer(inferRequest(TASK)),
    );
    await until(() => metadata.loadRequests.length === 2 && metadata.placements.length > 0);
    expect([...metadata.loadRequests].sort()).toEqual(["f1 mlp@1", "f2 mlp@1"]);
    putInstances(metadata, metadata.placements[0]?.executor ?? "", ["mlp@1"]);
    const answers = await Promise.all(calls);
    expect(answers.filter((answer) => parametersOf(answer).cold === true)).toHaveLength(64);
    expect(metadata.placements).toHaveLength(1);
    await until(() => metadata.loadRequests.length === 0);
    second.close();
    await other.stop();
  });

  it("refuses queries that need a load while plans are frozen, and says so; afterwards it is loaded", async () => {
    house = await startHouse({ e1: [] });
    const { metadata, frontend } = house;
    await leads();
    metadata.put("freeze", { case: "freeze", value: { by: "operator", sinceEpochMs: 0 } });
    await until(() => frontend.view.freeze !== null);
    const refusal = await refusalOf(house.inference.modelInfer(inferRequest(TASK)));
    expect(refusal.code).toBe(Code.FAILED_PRECONDITION);
    expect(refusal.message).toContain("while plans are frozen: by operator since 1970-01-01");
    expect([metadata.placements, metadata.loadRequests]).toEqual([[], []]);
    metadata.delete("freeze");
    await until(() => frontend.view.freeze === null);
    const answer = house.inference.modelInfer(inferRequest(TASK));
    await until(() => metadata.placements.length > 0);
    putInstances(metadata, metadata.placements[0]?.executor ?? "", ["mlp@1"]);
    expect(parametersOf(await answer).cold).toBe(true);
  });

  it("has a query wait on for what was placed before plans were frozen, and answers it", async () => {
    house = await startHouse({ e1: [] });
    const { metadata, frontend } = house;
    await leads();
    const call = house.inference.modelInfer(inferRequest(TASK));
    await until(() => frontend.view.placedOn("mlp@1").length > 0);
    metadata.put("freeze", { case: "freeze", value: { by: "operator", sinceEpochMs: 0 } });
    await until(() => frontend.view.freeze !== null);
    putInstances(metadata, "e1", ["mlp@1"]);
    expect(parametersOf(await call).cold).toBe(true);
    expect(metadata.placements).toHaveLength(1);
    await until(() => metadata.loadRequests.length === 0);
  });

  it("places from here while nobody leads, once, and leaves it to the leader again when there is one", async () => {
    house = await startHouse({ e1: [] });
    const { metadata } = house;
    metadata.mayLead = false;
    metadata.delete("leader");
    const call = house.inference.modelInfer(inferRequest(TASK));
    await until(() => metadata.placements.length > 0);
    expect(metadata.placements).toMatchObject([
      { executor: "e1", variant: "mlp@1", reason: "query", priority: 10 },
    ]);
    putInstances(metadata, "e1", ["mlp@1"]);
    expect((await call).outputs).toHaveLength(1);
    expect(metadata.placements).toHaveLength(1);
  });

  it("is answered by whoever leads next when it was asked while nobody could place it", async () => {
    house = await startHouse({ e1: [] });
    const { metadata } = house;
    await leads();
    metadata.place("e1", "mlp@1");
    await until(() => generationOf("mlp@1") === 1n);
    lackMemory("mlp@1", 1n);
    await until(() => house.frontend.view.status("mlp@1", "e1")?.lacksMemory === true);
    const call = house.inference.modelInfer(inferRequest(TASK));
    await until(() => metadata.placements.length === 1);
    expect(generationOf("mlp@1") > 1n || metadata.placements[0]?.reason === "query").toBe(true);
    putInstances(metadata, "e1", ["mlp@1"]);
    expect((await call).outputs).toHaveLength(1);
  });

  it("refuses when the executor says of what was wanted anew that it lacks the memory, not before", async () => {
    house = await startHouse({ e1: [] });
    const { metadata } = house;
    await leads();
    metadata.place("e1", "mlp@1");
    lackMemory("mlp@1", 1n);
    await until(() => house.frontend.view.status("mlp@1", "e1")?.lacksMemory === true);
    const refused = refusalOf(house.inference.modelInfer(inferRequest(TASK)));
    await until(() => generationOf("mlp@1") > 1n);
    lackMemory("mlp@1", generationOf("mlp@1"));
    const { code, message } = await refused;
    expect([code, message]).toEqual([Code.UNAVAILABLE, "mlp@1 failed to load on e1: no room"]);
  });

  it("asks for nothing that an operator unloads meanwhile", async () => {
    house = await startHouse({ e1: [] });
    const { metadata } = house;
    await leads();
    metadata.onPlacement = () => undefined;
    const refused = refusalOf(house.inference.modelInfer(inferRequest(TASK)));
    await until(() => metadata.placements.length === 1);
    const [record] = house.frontend.view.catalog.wireVariants;
    metadata.put("variant/mlp@1", { case: "variant", value: { ...record!, withheld: true } });
    expect(await refused).toMatchObject({ code: Code.UNAVAILABLE, message: "mlp@1 was unloaded" });
    await until(() => metadata.loadRequests.length === 0);
  });
});
