/** Takes all steps of something that is made in slices, and returns what is made. */
export function finished<T>(making: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = making.next();
    if (done === true) return value;
  }
}
