import { type AxisLimit, axisFault, nativeLimits, placedLimits } from "./axis-limits";

const height: AxisLimit = {
  name: "height",
  places: [{ input: 0, axis: 2 }],
  measured: 100,
  max: 10_000,
  stated: false,
};
const width: AxisLimit = { ...height, name: "width", places: [{ input: 0, axis: 3 }] };

describe("axisFault", () => {
  it.each([
    ["as measured", [1, 3, 100, 100]],
    ["one at its limit", [1, 3, 10_000, 100]],
    ["both by half of their logarithms", [1, 3, 1_000, 1_000]],
    ["one beyond the other's share where the other is smaller", [1, 3, 10_000, 1]],
    ["empty", [1, 3, 0, 0]],
  ])("takes sizes %s", (_, shape) => {
    expect(axisFault([height, width], [shape])).toBeNull();
  });

  it("names the axis, what came, what is taken and what was measured", () => {
    expect(axisFault([height, width], [[1, 3, 10_001, 1]])).toBe(
      "axis height has size 10001, at most 10000 is taken: it was measured with 100",
    );
  });

  it("names all axes that grow together", () => {
    expect(axisFault([height, width], [[1, 3, 2_000, 1_000]])).toBe(
      "axes height of 2000 and width of 1000 are too large together; taken are height up to 10000 where the others are as measured, 100; width up to 10000 where the others are as measured, 100",
    );
  });

  it("holds a stated limit whatever the other axes are", () => {
    const limits = [{ ...height, max: 5_000, stated: true }, width];
    expect(axisFault(limits, [[1, 3, 5_000, 10_000]])).toBeNull();
    expect(axisFault(limits, [[1, 3, 5_001, 1]])).toBe(
      "axis height has size 5001, at most 5000 is taken: as its owner says",
    );
  });

  it("looks at every place where an axis stands", () => {
    const length = {
      ...height,
      places: [
        { input: 0, axis: 1 },
        { input: 1, axis: 1 },
      ],
    };
    expect(
      axisFault(
        [length],
        [
          [1, 50],
          [1, 10_001],
        ],
      ),
    ).toContain("size 10001");
  });
});

describe("placedLimits", () => {
  it("finds inputs by name, and leaves out what stands nowhere", () => {
    const named = [
      { ...height, places: [{ input: "mask", axis: 1 }] },
      { ...width, places: [{ input: "gone", axis: 0 }] },
    ];
    expect(placedLimits(named, [{ name: "ids" }, { name: "mask" }])).toEqual([
      { ...height, places: [{ input: 1, axis: 1 }] },
    ]);
  });
});

describe("nativeLimits", () => {
  it("counts axes over all inputs in order", () => {
    const places = [
      { input: 0, axis: 1 },
      { input: 1, axis: 2 },
    ];
    const limits = [
      { ...height, places },
      { ...width, stated: true },
    ];
    expect([
      ...nativeLimits(limits, [
        [-1, -1],
        [-1, 3, -1, -1],
      ]),
    ]).toEqual([100, 10_000, 0, 2, 1, 4, 100, 10_000, 1, 1, 3]);
  });
});
