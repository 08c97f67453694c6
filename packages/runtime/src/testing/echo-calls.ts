import { ServiceError } from "../errors";

/** A stream of requests, or of answers, of `EchoService`. */
export async function* listOf(...values: string[]): AsyncGenerator<{ value: string }> {
  for (const value of values) yield { value };
}

/** Returns the values of a stream, once it has ended. */
export async function collect(answers: AsyncIterable<{ value: string }>): Promise<string[]> {
  const values: string[] = [];
  for await (const { value } of answers) values.push(value);
  return values;
}

/** Returns the failure of a call; fails the test when there is none. */
export async function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  const error = await call.then(
    () => null,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ServiceError);
  return error as ServiceError;
}
