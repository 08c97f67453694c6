import { fromBinary } from "@bufbuild/protobuf";
import { OrcaLoadReportSchema } from "./gen/xds/data/orca/v3/orca_load_report_pb";
import { encodeCallLoad } from "./orca-report";

describe("encodeCallLoad", () => {
  it("writes what any ORCA client reads", () => {
    const load = {
      applicationUtilization: 1.25,
      requestCost: { usd: 2e-7, compute_ms: 0 },
      namedMetrics: { queue_ms: 0.5, batch_fill: 1 },
    };
    expect(fromBinary(OrcaLoadReportSchema, encodeCallLoad(load))).toMatchObject(load);
  });
});
