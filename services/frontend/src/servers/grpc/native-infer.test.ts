import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { GRPCInferenceService, ModelInferRequestSchema } from "@infaas/api";
import { type CallOptions, Code, createRpcClient, ServiceError } from "@infaas/runtime";
import { type House, inferRequest, startHouse, until } from "../../testing/house";

/** Bytes of the one input of a request that its executor never answers. */
const HANGS = 32;

const sizeOf = (body: Uint8Array) =>
  fromBinary(ModelInferRequestSchema, body).rawInputContents[0]?.byteLength;
const codeOf = (e: unknown) => ServiceError.from(e).code;

describe("ModelInfer on the native server", () => {
  let house: House;
  beforeEach(async () => {
    house = await startHouse({ e1: ["mlp@1"], e2: ["mlp@1"] });
  });
  afterEach(() => house.stop());

  it("lets every request go once, however it ends", async () => {
    const { wire } = house.frontend;
    let met = 0;
    for (const executor of house.executors) {
      executor.behaviour = ({ body }, reply) => {
        if (sizeOf(body) === HANGS) return;
        met++;
        if (met % 5 === 1) reply.refuse(Code.RESOURCE_EXHAUSTED, "full");
        else if (met % 5 === 2) reply.refuse(Code.UNAVAILABLE, "elsewhere");
        else if (met === 60) reply.breakLink();
        else reply.answer();
      };
    }
    const client = createRpcClient(GRPCInferenceService, house.frontend.address);
    const ask = (size: number, options: CallOptions) =>
      client
        .modelInfer({ ...inferRequest("mlp@1"), rawInputContents: [new Uint8Array(size)] }, options)
        .then(() => Code.OK, codeOf);
    const gone = new AbortController();
    const given = Array.from({ length: 5 }, () => ask(HANGS, { signal: gone.signal }));
    const late = Array.from({ length: 5 }, () => ask(HANGS, { timeoutMs: 2_000 }));
    const asked = Array.from({ length: 120 }, (_, i) => ask(i % 3 === 0 ? 200_000 : 16, {}));
    const codes = new Set(await Promise.all(asked));
    expect(codes.has(Code.OK)).toBe(true);
    expect(codes.has(Code.RESOURCE_EXHAUSTED)).toBe(true);
    gone.abort();
    expect(new Set(await Promise.all(given))).toEqual(new Set([Code.CANCELLED]));
    expect(new Set(await Promise.all(late))).toEqual(new Set([Code.DEADLINE_EXCEEDED]));
    await until(() => wire?.openCalls === 0);
    expect(wire?.heldBytes).toBe(0);
    client.close();
  });

  it("reads a head once and tells requests apart by what is not in it", async () => {
    const [executor] = house.executors;
    const client = createRpcClient(GRPCInferenceService, house.frontend.address);
    const ids = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const answer = await client.modelInfer({ ...inferRequest("mlp@1"), id: i === 7 ? "" : `id-${i}` });
        return answer.id;
      }),
    );
    expect(ids).toEqual(Array.from({ length: 40 }, (_, i) => (i === 7 ? "" : `id-${i}`)));
    expect(executor?.received.length).toBeGreaterThan(0);
    client.close();
  });
});

describe("a call with a traceparent", () => {
  it("goes the way of every other, below its caller's span", async () => {
    const folder = mkdtempSync(join(tmpdir(), "native-infer-"));
    const house = await startHouse(
      { e1: ["mlp@1"] },
      [{ name: "mlp@1" }],
      ["--trace-file", join(folder, "t")],
    );
    const brought = jest.spyOn(
      house.frontend.wire?.addon as NonNullable<House["frontend"]["wire"]>["addon"],
      "take",
    );
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const metadata = { traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: "a=1", baggage: "b=2" };
    await house.inference.modelInfer(inferRequest("mlp@1"), { metadata });
    expect(brought).not.toHaveBeenCalled();
    await house.inference.modelInfer(inferRequest("mlp@1"), { metadata: { ...metadata, explain: "true" } });
    expect(brought).toHaveBeenCalledTimes(1);
    const traces = house.executors[0]?.received.map(({ trace }) => trace);
    expect(traces).toEqual([1, 2].map(() => expect.objectContaining({ traceId, sampled: true })));
    expect(new Set(traces?.map((trace) => trace?.spanId)).size).toBe(2);
    await house.stop();
    rmSync(folder, { recursive: true });
  });
});

describe("--ingress grpc", () => {
  it("answers through grpc-js and links inside gRPC", async () => {
    const house = await startHouse({ e1: ["mlp@1"] }, [{ name: "mlp@1" }], ["--ingress", "grpc"]);
    expect(house.frontend.wire).toBeNull();
    expect((await house.inference.modelInfer(inferRequest("mlp@1"))).id).toBe("q-1");
    await house.stop();
  });
});
