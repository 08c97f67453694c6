import { mappingFromText } from "./mapping";

describe("mappingFromText", () => {
  it.each([
    ["image=x", { name: "image", source: "x", axes: [], cast: false }],
    ["image=x@NHWC:NCHW", { name: "image", source: "x", axes: [0, 3, 1, 2], cast: false }],
    ["image=x@cast", { name: "image", source: "x", axes: [], cast: true }],
    [
      "image=input/x:0@NHWC:NCHW@cast",
      { name: "image", source: "input/x:0", axes: [0, 3, 1, 2], cast: true },
    ],
    ["a@b=x@y", { name: "a@b", source: "x@y", axes: [], cast: false }],
    ["ids=a=b", { name: "ids", source: "a=b", axes: [], cast: false }],
  ])("reads %s", (text, mapping) => {
    expect(mappingFromText(text)).toEqual(mapping);
  });

  it.each([
    "image",
    "=x",
    "image=",
    "image=@cast",
    "image=x@NHWC:NCH",
    "image=x@NHWC:NCHX",
    "image=x@NNWC:NNWC",
  ])("refuses %s with the form", (text) => {
    expect(() => mappingFromText(text)).toThrow("allowed: TASK-TENSOR=FILE-TENSOR[@AXES:AXES][@cast]");
  });
});
