import { GRPCInferenceService, InferenceService } from "@infaas/api";
import { openRawBidi, type ServiceError } from "@infaas/runtime";
import { type House, inferRequest, startHouse, TASK } from "./testing/house";

jest.setTimeout(60_000);

const MIB = 1024 * 1024;
const BYTES = 48 * MIB;
/** What a refusal may leave in JavaScript's heap at its highest: the bytes lie outside; 25 million inputs would be 5 GB. */
const HEAP_MAX_BYTES = 64 * MIB;
/** A message of empty fields: two bytes each on the wire, hundreds as an object. */
const empty = (tag: number) => Buffer.alloc(BYTES, Buffer.from([tag, 0x00]));
/** An input whose typed contents, or dimensions, are one run of zeros. */
const run = (inputTag: number, ...path: readonly number[]): Buffer => {
  let bytes: Buffer = Buffer.alloc(BYTES);
  for (const tag of [...path, inputTag])
    bytes = Buffer.concat([Buffer.from([tag, ...lengthOf(bytes)]), bytes]);
  return bytes;
};
const lengthOf = ({ length }: Buffer) => [
  ...[0, 7, 14, 21].map((shift) => ((length >> shift) & 0x7f) | 0x80),
  (length >> 28) & 0x7f,
];
/** A name that is not ASCII, so that the message is decoded whole. */
const NAME = Buffer.from([0x0a, 0x02, 0xc3, 0xa9]);

/** Sends one message as it is; resolves with how the call ended, and with what was answered. */
function send(address: string, method: string, bytes: Buffer) {
  const service = method === "Query" ? InferenceService : GRPCInferenceService;
  const stream = openRawBidi(address, service, method, {});
  const answers: string[] = [];
  return new Promise<{ error: ServiceError | null; answers: readonly string[] }>((resolve) => {
    stream.onData((answer) => answers.push(answer.toString("latin1")));
    stream.onEnd((error) => resolve({ error, answers }));
    stream.write(bytes);
    stream.end();
  });
}

describe.each(["native", "grpc"])("the %s ingress, sent tens of millions of values", (ingress) => {
  let house: House;

  beforeAll(async () => {
    house = await startHouse({ e1: ["mlp@1"] }, undefined, ["--ingress", ingress]);
  });
  afterAll(() => house.stop());

  it.each([
    ["inputs", "ModelInfer", empty(0x2a)],
    ["outputs", "ModelInfer", empty(0x32)],
    ["parameters", "ModelInfer", empty(0x22)],
    ["raw contents", "ModelInfer", empty(0x3a)],
    ["fields nobody knows", "ModelInfer", empty(0x7a)],
    ["dimensions", "ModelInfer", run(0x2a, 0x1a)],
    ["typed numbers", "ModelInfer", Buffer.concat([NAME, run(0x2a, 0x1a, 0x2a)])],
    ["inputs", "Query", empty(0x1a)],
    ["raw contents", "Query", empty(0x22)],
    ["requirements", "Query", empty(0x12)],
    ["inputs", "ModelStreamInfer", empty(0x2a)],
  ])("refuses %s of %s without making them", async (_, method, bytes) => {
    const before = process.memoryUsage().heapUsed;
    let grown = 0;
    const watch = setInterval(() => {
      grown = Math.max(grown, process.memoryUsage().heapUsed - before);
    });
    const { error, answers } = await send(house.frontend.address, method, bytes);
    clearInterval(watch);
    expect(error?.message ?? answers.join()).toMatch(
      /holds too many values|more than \d+ fields|unknown model/,
    );
    expect(grown).toBeLessThan(HEAP_MAX_BYTES);
    const answer = await house.inference.modelInfer(inferRequest(TASK));
    expect(answer.id).toBe("q-1");
  });
});
