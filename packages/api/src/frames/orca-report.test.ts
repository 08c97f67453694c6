import { fromBinary } from "@bufbuild/protobuf";
import { OrcaLoadReportSchema } from "../gen/xds/data/orca/v3/orca_load_report_pb";
import { encodeCallLoad } from "./orca-report";

describe("encodeCallLoad", () => {
  it("writes what any ORCA client reads, each time anew", () => {
    const load = {
      applicationUtilization: 1.25,
      usd: 2e-7,
      computeMs: 0,
      queueMs: 0.5,
      batchFill: 1,
      memoryFreeBytes: 8e9,
    };
    const first = encodeCallLoad(load);
    const second = encodeCallLoad({ ...load, computeMs: 3, applicationUtilization: 0 });
    expect(fromBinary(OrcaLoadReportSchema, first)).toMatchObject({
      applicationUtilization: 1.25,
      requestCost: { usd: 2e-7, compute_ms: 0 },
      namedMetrics: { queue_ms: 0.5, batch_fill: 1, memory_free_bytes: 8e9 },
    });
    expect(fromBinary(OrcaLoadReportSchema, second)).toMatchObject({
      applicationUtilization: 0,
      requestCost: { usd: 2e-7, compute_ms: 3 },
    });
  });
});
