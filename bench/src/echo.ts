import { GRPCInferenceService } from "@infaas/api";
import {
  createLogger,
  createRpcServer,
  createTransportServer,
  type RpcServer,
  type RpcServerOptions,
  tuneProcess,
} from "@infaas/runtime";
import { Wire } from "@infaas/wire";
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

const servers = {
  "grpc-js": createRpcServer,
  wire: (o: RpcServerOptions) => createTransportServer(new Wire(), o),
};

/**
 * What this machine charges today for one request to a server that does nothing, on grpc-js and on the native wire: the
 * yardstick for whole-path, since shared machines differ by a factor of three from day to day.
 */
export async function benchEcho(): Promise<void> {
  tuneProcess();
  const load = buildLoadGenerator();
  process.stdout.write("server   input   in flight     req/s   p50 ms   p99 ms  server µs\n");
  for (const [name, create] of Object.entries(servers)) await measureServer(load, name, create);
}

async function measureServer(load: string, server: string, create: (o: RpcServerOptions) => RpcServer) {
  const echo = create({ logger: createLogger({ service: "echo" }) });
  const answer = Buffer.alloc(answerBytes);
  echo.addRawUnary(GRPCInferenceService, "ModelInfer", (_, call) => call.answer(answer));
  const address = `127.0.0.1:${await echo.listen("127.0.0.1:0")}`;
  for (const { name, floats, inFlight } of loads) {
    const args = ["-address", address, "-model", "echo", "-floats", String(floats)];
    args.push("-in-flight", String(inFlight), "-warm-up", "0");
    await runLoad(load, [...args, "-seconds", "1"]);
    const before = cpuMicroseconds(process.pid);
    const result = await runLoad(load, [...args, "-seconds", String(windowSeconds)]);
    const serverUs = (cpuMicroseconds(process.pid) - before) / result.requests;
    const figures = [result.perSecond.toFixed(0), result.p50Ms.toFixed(2), result.p99Ms.toFixed(2)];
    process.stdout.write(
      `${server.padEnd(8)} ${name.padEnd(7)} ${String(inFlight).padStart(9)} ${[...figures, serverUs.toFixed(1)].map((f) => f.padStart(8)).join(" ")}\n`,
    );
  }
  await echo.stop(1_000);
}
