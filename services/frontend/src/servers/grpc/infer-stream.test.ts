import type { ModelStreamInferResponse } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { type House, inferRequest, startHouse, TASK, until } from "../../testing/house";
import type { Reply } from "../../testing/scripted-executor";
import { STREAM_IN_FLIGHT_MAX } from "./infer-stream";

jest.setTimeout(20_000);

type Request = ReturnType<typeof inferRequest>;

/** Requests that are sent as they are pushed, until the end is. */
class Requests implements AsyncIterable<Request> {
  private readonly queue: (Request | null)[] = [];
  private wake: () => void = () => undefined;

  push(request: Request | null): void {
    this.queue.push(request);
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Request> {
    for (;;) {
      const next = this.queue.shift();
      if (next === null) return;
      if (next !== undefined) yield next;
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }
}

const request = (id: string, modelName = TASK): Request => ({ ...inferRequest(modelName), id });
const idOf = (response: ModelStreamInferResponse) => response.inferResponse?.id;

async function* all(...requests: Request[]): AsyncGenerator<Request> {
  yield* requests;
}

describe("ModelStreamInfer", () => {
  let house: House;
  beforeEach(async () => {
    house = await startHouse({ e1: ["mlp@1"] });
  });
  afterEach(() => house.stop());

  async function answersTo(requests: AsyncIterable<Request>, metadata: Record<string, string> = {}) {
    const seen: ModelStreamInferResponse[] = [];
    try {
      for await (const response of house.inference.modelStreamInfer(requests, { metadata }))
        seen.push(response);
    } catch (error) {
      return { seen, error: ServiceError.from(error) };
    }
    return { seen, error: null };
  }

  it("answers everything after a half-close, in the order of requests though they finish in another", async () => {
    const replies: Reply[] = [];
    house.executors[0]!.behaviour = (_frame, reply) => {
      replies.push(reply);
      if (replies.length === 3) for (const late of replies.reverse()) late.answer();
    };
    const { seen, error } = await answersTo(all(request("a"), request("b"), request("c")));
    expect(error).toBeNull();
    expect(seen.map(idOf)).toEqual(["a", "b", "c"]);
    expect(seen[0]?.inferResponse).toMatchObject({ modelName: TASK, outputs: [{ name: "scores" }] });
    expect(seen[0]?.inferResponse?.parameters.triton_final_response).toBeUndefined();
  });

  it("tells an error of one request in a message with its id, and goes on", async () => {
    const { seen, error } = await answersTo(all(request("a"), request("b", "cats"), request("c")));
    expect(error).toBeNull();
    expect(seen.map((r) => [idOf(r), r.errorMessage])).toEqual([
      ["a", ""],
      ["b", expect.stringContaining("unknown model: 'cats'")],
      ["c", ""],
    ]);
  });

  it("ends with the status of the first error where triton_grpc_error asks for it", async () => {
    const requests = all(request("a"), request("b", "cats"), request("c"));
    const { seen, error } = await answersTo(requests, { triton_grpc_error: "true" });
    expect(seen.map(idOf)).toEqual(["a"]);
    expect([error?.code, error?.message]).toEqual([
      Code.NOT_FOUND,
      expect.stringContaining("unknown model: 'cats'"),
    ]);
  });

  it("marks a response as final where the request enabled that", async () => {
    const parameters = inferRequest(TASK, { triton_enable_empty_final_response: true }).parameters;
    const { seen } = await answersTo(all({ ...request("a"), parameters }, request("b")));
    expect(seen.map((r) => r.inferResponse?.parameters.triton_final_response?.parameterChoice.value)).toEqual(
      [true, undefined],
    );
  });

  it("reads requirements of all its requests from its metadata", async () => {
    const { seen } = await answersTo(all(request("a")), { "slo-min-accuracy": "0.99" });
    expect(seen[0]?.errorMessage).toContain("accuracy of at least 0.99 was asked for");
  });

  it("reads no more requests than may be unanswered, and reads on once some are", async () => {
    const replies: Reply[] = [];
    house.executors[0]!.behaviour = (_frame, reply) => void replies.push(reply);
    const count = STREAM_IN_FLIGHT_MAX + 40;
    const answered = answersTo(all(...Array.from({ length: count }, (_, i) => request(String(i)))));
    await until(() => replies.length === STREAM_IN_FLIGHT_MAX);
    await house.inference.serverLive({});
    expect(replies).toHaveLength(STREAM_IN_FLIGHT_MAX);
    house.executors[0]!.behaviour = (_frame, reply) => reply.answer();
    for (const reply of replies) reply.answer();
    const { seen } = await answered;
    expect(seen.map(idOf)).toEqual(Array.from({ length: count }, (_, i) => String(i)));
  });

  it("tells the executor when the caller gives up, and counts what became of each request", async () => {
    const executor = house.executors[0]!;
    executor.behaviour = () => undefined;
    const requests = new Requests();
    const caller = new AbortController();
    const stream = house.inference.modelStreamInfer(requests, { signal: caller.signal });
    const next = stream[Symbol.asyncIterator]().next().catch(ServiceError.from);
    for (const id of ["a", "b"]) requests.push(request(id));
    await until(() => executor.received.length === 2);
    caller.abort();
    await until(() => executor.cancelled.length === 2);
    expect(await next).toMatchObject({ code: Code.CANCELLED });
    requests.push(null);
    const { modelStats } = await house.inference.modelStatistics({ name: TASK });
    expect(modelStats[0]?.inferenceStats?.fail?.count).toBe(2n);
  });

  it("tells of a request that is refused before it is routed in a message too", async () => {
    const broken = { ...request("a"), inputs: [{ name: "pixels", datatype: "FP32", shape: [-1n] }] };
    const { seen } = await answersTo(all(broken, request("b")));
    expect(seen.map(idOf)).toEqual(["a", "b"]);
    expect(seen[0]?.errorMessage).toContain("input 'pixels' has shape [-1]; the first axis must count rows");
  });
});
