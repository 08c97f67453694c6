import { connect } from "node:net";
import { type ExportMetricsServiceRequest, type KeyValue, MetricsService } from "@infaas/api";
import { addressOf, createLogger, createRpcServer, implementService } from "@infaas/runtime";
import { type House, inferRequest, startHouse, TASK, until } from "./testing/house";

jest.setTimeout(30_000);

/** The newest value of every metric, by name and attributes: `name{face=grpc}`. */
class Receiver {
  readonly values = new Map<string, number>();
  readonly server = createRpcServer({ logger: createLogger({ service: "test", level: "error" }) });

  constructor() {
    this.server.add(implementService(MetricsService, { export: async (request) => this.take(request) }));
  }

  private take({ resourceMetrics }: ExportMetricsServiceRequest) {
    for (const { name, data } of resourceMetrics.flatMap((r) => r.scopeMetrics).flatMap((s) => s.metrics)) {
      const keyOf = (attributes: readonly KeyValue[]) =>
        `${name}{${attributes.map(({ key, value: v }) => `${key}=${String(v?.value.value)}`).sort()}}`;
      if (data.case === "histogram") {
        for (const { count, attributes } of data.value.dataPoints)
          this.values.set(keyOf(attributes), Number(count));
      }
      if (data.case !== "gauge" && data.case !== "sum") continue;
      for (const { value, attributes } of data.value.dataPoints)
        this.values.set(keyOf(attributes), Number(value.value));
    }
    return {};
  }
}

/** An open connection of each ingress, and the memory that it is taken to hold. */
const ingresses = [
  ["native", 8 * 1024],
  ["grpc", 32 * 1024],
] as const;

describe.each(ingresses)("a frontend with the %s ingress", (ingress, connectionBytes) => {
  const receiver = new Receiver();
  let house: House;

  beforeAll(async () => {
    const port = await receiver.server.listen("127.0.0.1:0");
    const args = ["--ingress", ingress, "--otlp-endpoint", `127.0.0.1:${port}`, "--metric-period-ms", "100"];
    house = await startHouse({ e1: ["mlp@1"] }, undefined, args);
  });
  afterAll(async () => {
    await house.stop();
    await receiver.server.stop(100);
  });

  const is = (name: string, value: number) => until(() => receiver.values.get(name) === value);

  it("tells what its faces have open and hold, and what receipts add up to", async () => {
    const [executor] = house.executors;
    if (executor === undefined) throw new Error("no executor");
    const held: (() => void)[] = [];
    executor.behaviour = (_frame, reply) => held.push(() => reply.answer());
    const call = house.inference.modelInfer(inferRequest(TASK));
    await is("infaas.frontend.open_calls{face=grpc}", 1);
    await is("infaas.frontend.connections{face=grpc}", 1);
    expect(receiver.values.get("infaas.frontend.held.bytes{face=grpc}")).toBeGreaterThan(
      connectionBytes + 16,
    );
    for (const answer of held) answer();
    executor.behaviour = (_frame, reply) => reply.answer();
    const cost = Number((await call).parameters.cost?.parameterChoice.value);
    expect(cost).toBeGreaterThan(0);
    await is("infaas.frontend.receipts{executor=e1}", cost);
    await is("infaas.frontend.open_calls{face=grpc}", 0);
    await is("infaas.frontend.held.bytes{face=grpc}", connectionBytes);
    await is("infaas.frontend.queries{outcome=answered}", 1);
  });

  it("tells why queries were refused", async () => {
    await expect(house.inference.modelInfer(inferRequest("nobody"))).rejects.toThrow("unknown model");
    await is("infaas.frontend.queries{outcome=refused,reason=OTHER}", 1);
    await is("infaas.frontend.queries{outcome=refused,reason=REJECTED}", 0);
  });

  it("tells what its HTTP face turned away", async () => {
    const { host, port } = addressOf(house.frontend.httpAddress ?? "");
    const socket = connect(port, host, () => socket.write("no HTTP\r\n\r\n"));
    socket.resume();
    await is("infaas.frontend.turned_away{face=http,reason=malformed}", 1);
    await is("infaas.frontend.connections{face=http}", 0);
  });

  it("tells how the queries of each task ended, collectors and Prometheus alike", async () => {
    await expect(
      house.inference.modelInfer(inferRequest(TASK, { slo_min_accuracy: 0.99 })),
    ).rejects.toThrow();
    await house.inference.modelInfer(inferRequest(TASK, { slo_min_accuracy: 0.5 }));
    await is(`infaas.queries{outcome=refused,reason=infeasible,task=${TASK}}`, 1);
    await is(`infaas.queries{outcome=in_time,task=${TASK},variant=mlp@1}`, 2);
    await is("infaas.queries{outcome=refused,reason=invalid,task=_OTHER}", 1);
    await is(`infaas.objective.asked{objective=accuracy,task=${TASK}}`, 2);
    await is(`infaas.objective.met{objective=accuracy,task=${TASK}}`, 1);
    await is(`infaas.query.duration{task=${TASK},variant=mlp@1}`, 2);
    await is(`infaas.accuracy.served{task=${TASK}}`, 2);
    const text = await (await fetch(`http://${house.frontend.httpAddress}/metrics`)).text();
    const lines = text.split("\n");
    const task = `task="${TASK}"`;
    for (const line of [
      "# TYPE infaas_queries_total counter",
      `infaas_queries_total{${task},variant="mlp@1",outcome="in_time"} 2`,
      `infaas_queries_total{${task},outcome="refused",reason="infeasible"} 1`,
      `infaas_objective_met_total{${task},objective="accuracy"} 1`,
      "# TYPE infaas_query_duration_seconds histogram",
      `infaas_query_duration_seconds_bucket{${task},variant="mlp@1",le="+Inf"} 2`,
      `infaas_query_duration_seconds_count{${task},variant="mlp@1"} 2`,
      `infaas_accuracy_served_bucket{${task},le="0.9"} 2`,
      `infaas_accuracy_served_sum{${task}} 1.8`,
    ])
      expect(lines).toContain(line);
    expect(text).toMatch(/^infaas_cost_usd_total\{.*variant="mlp@1"\} [\d.e-]+$/m);
    expect(text).not.toContain('=""');
  });

  it("tells Prometheus the same", async () => {
    const text = await (await fetch(`http://${house.frontend.httpAddress}/metrics`)).text();
    expect(text).toMatch(/^infaas_frontend_connections\{face="grpc"\} 1$/m);
    expect(text).toMatch(/^infaas_frontend_open_calls\{face="http"\} 1$/m);
    expect(text).toMatch(/^infaas_frontend_turned_away\{face="http",reason="bytes"\} 0$/m);
  });
});
