import { laneOf } from "./lane";

describe("laneOf", () => {
  it.each([
    [0, 1],
    [1, 0],
    [2, 1],
    [3, 2],
    [99, 2],
  ])("puts priority %i into lane %i", (priority, lane) => expect(laneOf(priority)).toBe(lane));
});
