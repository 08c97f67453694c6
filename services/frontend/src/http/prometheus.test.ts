import { Statistics } from "../statistics";
import { prometheusText } from "./prometheus";

const query = {
  rows: 2,
  batchSize: 4,
  totalMs: 3,
  queueMs: 0.5,
  gatherMs: 0.1,
  computeMs: 1.25,
  scatterMs: 0.2,
};

describe("prometheusText", () => {
  it("writes exact counts and cumulative microseconds under Triton's names", () => {
    const statistics = new Statistics();
    for (let i = 0; i < 2; i += 1) statistics.recordAnswer("mlp@1", query, 0);
    statistics.recordFailure("mlp@1", 7);
    const row = { name: "mlp@1", version: "1", totals: statistics.totalsOf(["mlp@1"]) };
    const text = prometheusText([row], 3);
    const labels = '{model="mlp@1",version="1"}';
    for (const line of [
      "# TYPE nv_inference_request_success counter",
      `nv_inference_request_success${labels} 2`,
      `nv_inference_request_failure${labels} 1`,
      `nv_inference_count${labels} 4`,
      `nv_inference_exec_count${labels} 1`,
      `nv_inference_request_duration_us${labels} 6000`,
      `nv_inference_queue_duration_us${labels} 1000`,
      `nv_inference_compute_infer_duration_us${labels} 2500`,
      "nv_inference_pending_request_count 3",
    ]) {
      expect(text.split("\n")).toContain(line);
    }
  });

  it("escapes what would end a label", () => {
    const totals = new Statistics().totalsOf([]);
    const text = prometheusText([{ name: 'a"b\\c\nd', version: "1", totals }], 0);
    expect(text).toContain('{model="a\\"b\\\\c\\nd",version="1"} 0');
  });
});
