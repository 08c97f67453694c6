import { createServer } from "node:net";
import { addressOf, Code, ServiceError } from "@infaas/runtime";

/** Throws FAILED_PRECONDITION naming every address that is in use. */
export async function mustBeFree(addresses: readonly string[]): Promise<void> {
  const taken = await Promise.all(
    addresses.map(async (address) => ((await isFree(address)) ? [] : [address])),
  );
  const names = taken.flat();
  if (names.length === 0) return;
  const message = `${names.join(", ")} ${names.length === 1 ? "is" : "are"} in use: is INFaaS running already? Choose other ports with --port`;
  throw new ServiceError(Code.FAILED_PRECONDITION, message);
}

function isFree(address: string): Promise<boolean> {
  const { host, port } = addressOf(address);
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, host, () => server.close(() => done(true)));
  });
}
