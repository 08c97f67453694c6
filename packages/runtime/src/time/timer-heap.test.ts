import { seededRandom } from "../process/random";
import { TimerHeap } from "./timer-heap";

describe("TimerHeap", () => {
  it.each([1, 2, 3])("gives back what was not cancelled, by time and then by order, seed %d", (seed) => {
    const random = seededRandom(seed);
    const heap = new TimerHeap();
    const wanted: { dueUs: number; name: number }[] = [];
    const fired: number[] = [];
    for (let name = 0; name < 500; name++) {
      const dueUs = Math.floor(random.next() * 50);
      const timer = heap.add(dueUs, () => fired.push(name));
      if (random.next() < 0.3) timer.cancel();
      else wanted.push({ dueUs, name });
      // Taken in between, so that the heap shrinks and grows.
      if (random.next() < 0.1) {
        wanted.sort((a, b) => a.dueUs - b.dueUs || a.name - b.name);
        heap.takeDue(50)?.fire();
        expect(fired.pop()).toBe(wanted.shift()?.name);
      }
    }
    for (let next = heap.takeDue(50); next !== null; next = heap.takeDue(50)) next.fire();
    wanted.sort((a, b) => a.dueUs - b.dueUs || a.name - b.name);
    expect(fired).toEqual(wanted.map(({ name }) => name));
  });

  it("takes nothing that is not due, and cancels what fired without effect", () => {
    const heap = new TimerHeap();
    const timer = heap.add(10, () => undefined);
    heap.add(20, () => undefined);
    expect(heap.takeDue(9)).toBeNull();
    expect(heap.takeDue(10)?.dueUs).toBe(10);
    timer.cancel();
    expect(heap.takeDue(20)?.dueUs).toBe(20);
  });
});
