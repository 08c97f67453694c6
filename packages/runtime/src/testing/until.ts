/** Looks at a condition, 10 ms apart, before it is given up. */
const LOOKS_MAX = 2_000;

/** Resolves once `holds` does; fails the test when it still does not after 20 s. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < LOOKS_MAX && !(await holds()); i += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await holds()).toBe(true);
}
