import { GRPCInferenceService } from "@infaas/api";
import { createLogger, createRpcServer, tuneProcess } from "@infaas/runtime";
import { cpuMicroseconds } from "./cpu-time";
import { buildLoadGenerator } from "./system";
import { runLoad } from "./whole-path";

const answerBytes = 40;
const windowSeconds = 3;
const loads = [
  { name: "256 B", floats: 64, inFlight: 16 },
  { name: "256 B", floats: 64, inFlight: 64 },
  { name: "602 KB", floats: 150_528, inFlight: 4 },
];

/**
 * What this machine charges today for one request to a grpc-js server that does nothing: the yardstick for whole-path,
 * since shared machines differ by a factor of three from day to day.
 */
export async function benchEcho(): Promise<void> {
  tuneProcess();
  const load = buildLoadGenerator();
  const server = createRpcServer({ logger: createLogger({ service: "echo" }) });
  const answer = Buffer.alloc(answerBytes);
  server.addRawUnary(GRPCInferenceService, "ModelInfer", (_, call) => call.answer(answer));
  const address = `127.0.0.1:${await server.listen("127.0.0.1:0")}`;
  process.stdout.write("input   in flight     req/s   p50 ms   p99 ms  server µs\n");
  for (const { name, floats, inFlight } of loads) {
    const args = [
      "-address",
      address,
      "-model",
      "echo",
      "-floats",
      String(floats),
      "-in-flight",
      String(inFlight),
    ];
    await runLoad(load, [...args, "-seconds", "1", "-warm-up", "0"]);
    const before = cpuMicroseconds(process.pid);
    const result = await runLoad(load, [...args, "-seconds", String(windowSeconds), "-warm-up", "0"]);
    const serverUs = (cpuMicroseconds(process.pid) - before) / result.requests;
    const figures = [
      result.perSecond.toFixed(0),
      result.p50Ms.toFixed(2),
      result.p99Ms.toFixed(2),
      serverUs.toFixed(0),
    ];
    process.stdout.write(
      `${name.padEnd(7)} ${String(inFlight).padStart(9)} ${figures.map((f) => f.padStart(8)).join(" ")}\n`,
    );
  }
  await server.stop(1_000);
}
