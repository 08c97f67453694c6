import { LANE_COUNT, laneOf, OFFLINE_PRIORITY } from "./lane";

describe("laneOf", () => {
  it.each([
    [0, 1],
    [1, 0],
    [2, 1],
    [3, 2],
    [99, 2],
    [OFFLINE_PRIORITY, LANE_COUNT - 1],
  ])("puts priority %i into lane %i", (priority, lane) => expect(laneOf(priority)).toBe(lane));
});
