import {
  DIMS_MAX,
  INPUTS_MAX,
  type Limited,
  limitFault,
  NAME_MAX,
  PARAMETERS_MAX,
  REQUESTED_OUTPUTS_MAX,
} from "./request-limits";

const input = (name: string, dims = 2) => ({
  name,
  datatype: "FP32",
  shape: new Array<number>(dims).fill(1),
  contents: false,
});
const request = (over: Partial<Limited> = {}): Limited => ({
  modelName: "mlp",
  id: "7",
  parameters: new Map(),
  inputs: [input("x")],
  requestedOutputs: ["y"],
  ...over,
});
const longName = "n".repeat(NAME_MAX + 1);

describe("limitFault", () => {
  it("lets pass what is exactly as large as allowed", () => {
    const most = request({
      modelName: "n".repeat(NAME_MAX),
      inputs: Array.from({ length: INPUTS_MAX }, (_, i) => input(`x${i}`, DIMS_MAX / INPUTS_MAX)),
      parameters: new Map(Array.from({ length: PARAMETERS_MAX }, (_, i) => [`p${i}`, true])),
      requestedOutputs: new Array<string>(REQUESTED_OUTPUTS_MAX).fill("y"),
    });
    expect(limitFault(most)).toBeNull();
  });

  it.each([
    [
      "inputs",
      { inputs: new Array(INPUTS_MAX + 1).fill(input("x")) },
      "request has 1025 inputs; at most 1024",
    ],
    [
      "parameters",
      { parameters: new Map(Array.from({ length: PARAMETERS_MAX + 1 }, (_, i) => [`p${i}`, true])) },
      "request has 257 parameters; at most 256",
    ],
    [
      "requested outputs",
      { requestedOutputs: new Array<string>(REQUESTED_OUTPUTS_MAX + 1).fill("y") },
      "request has 1025 requested outputs; at most 1024",
    ],
    ["dimensions", { inputs: [input("x", DIMS_MAX + 1)] }, "request has 8193 dimensions; at most 8192"],
    ["a model's name", { modelName: longName }, "the name of a model has 1025 characters; at most 1024"],
    ["an id", { id: longName }, "the name of the request (its id) has 1025 characters"],
    ["an input's name", { inputs: [input(longName)] }, "the name of an input has 1025 characters"],
    ["an output's name", { requestedOutputs: [longName] }, "the name of an output has 1025 characters"],
    ["a parameter's name", { parameters: new Map([[longName, true]]) }, "the name of a parameter has 1025"],
  ] as const)("refuses more of %s, with both numbers", (_, over, sentence) => {
    expect(limitFault(request(over as Partial<Limited>))?.message).toContain(sentence);
  });
});
