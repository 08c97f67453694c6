/**
 * Asks INFaaS for a digit three ways: by requirements, by requirements nobody can meet, and over the stock protocol.
 * Argument: HOST:PORT of a frontend.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { InferenceService, type QueryResponse } from "./gen/infaas/v1/inference_pb.js";
import { RefusalSchema, type SloSchema } from "./gen/infaas/v1/types_pb.js";
import { GRPCInferenceService } from "./gen/inference/grpc_service_pb.js";

const task = "digit-classification";

/** A seven of the UCI handwritten digits: 8 x 8 pixels from 0 to 16. */
const seven = [
  [0, 0, 4, 15, 16, 13, 13, 10],
  [0, 0, 12, 13, 10, 15, 14, 2],
  [0, 2, 16, 6, 2, 14, 6, 0],
  [0, 1, 5, 0, 9, 11, 0, 0],
  [0, 0, 7, 12, 16, 14, 6, 0],
  [0, 0, 8, 15, 15, 11, 2, 0],
  [0, 0, 2, 16, 8, 0, 0, 0],
  [0, 0, 7, 15, 4, 0, 0, 0],
];
const tensors = {
  inputs: [{ name: "image", datatype: "FP32", shape: [1n, 1n, 8n, 8n] }],
  rawInputContents: [new Uint8Array(Float32Array.from(seven.flat()).buffer)],
};
const timeoutMs = 10_000;

function query(transport: Transport, slo: MessageInitShape<typeof SloSchema>): Promise<QueryResponse> {
  return createClient(InferenceService, transport).query({ target: task, slo, ...tensors }, { timeoutMs });
}

async function modelInfer(transport: Transport): Promise<void> {
  const { parameters, rawOutputContents } = await createClient(GRPCInferenceService, transport).modelInfer(
    {
      modelName: task,
      parameters: { slo_latency_ms: { parameterChoice: { case: "int64Param", value: 1000n } } },
      ...tensors,
    },
    { timeoutMs },
  );
  console.log(
    `ModelInfer: digit ${digit(rawOutputContents)} by ${parameters.variant?.parameterChoice.value}`,
  );
}

function printReceipt({ receipt, rawOutputContents }: QueryResponse): void {
  if (receipt === undefined) throw new Error("an answer came without its receipt");
  const { variant, accuracy, batchSize, totalMs, costUsd } = receipt;
  console.log(`digit ${digit(rawOutputContents)} by ${variant}`);
  console.log(
    `  accuracy ${accuracy?.value.toFixed(4)}  batch ${batchSize}  ${totalMs.toFixed(2)} ms  ${costUsd.toPrecision(3)} USD`,
  );
}

function printRefusal(cause: unknown): void {
  const error = ConnectError.from(cause);
  console.log(`refused: ${Code[error.code]}`);
  for (const { relax, variant, latencyMs, accuracy } of error
    .findDetails(RefusalSchema)
    .flatMap((r) => r.offers)) {
    console.log(
      `  offer: relax ${relax}, get ${variant} in ${latencyMs.toFixed(2)} ms, accuracy ${accuracy?.toFixed(4)}`,
    );
  }
}

/** The index of the highest score; raw bytes are little-endian and begin anywhere. */
function digit([logits = new Uint8Array()]: readonly Uint8Array[]): number {
  const scores = new Float32Array(logits.slice().buffer);
  return scores.indexOf(Math.max(...scores));
}

const transport = createGrpcTransport({ baseUrl: `http://${process.argv[2] ?? "127.0.0.1:8001"}` });
printReceipt(await query(transport, { minAccuracy: 0.9, latencyMs: 1000 }));
await query(transport, { minAccuracy: 1 }).catch(printRefusal);
await modelInfer(transport);
