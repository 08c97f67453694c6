import { createServer } from "node:net";
import { addressOf, Code, ServiceError } from "@infaas/runtime";

/** Throws FAILED_PRECONDITION naming every address that is in use, PERMISSION_DENIED those that this user may not have. */
export async function mustBeFree(addresses: readonly string[]): Promise<void> {
  const codes = await Promise.all(addresses.map(listenCode));
  const denied = addresses.filter((_, at) => codes[at] === "EACCES");
  if (denied.length > 0) {
    const message = `${denied.join(", ")} may not be listened on by this user; choose ports from 1024 with --port`;
    throw new ServiceError(Code.PERMISSION_DENIED, message);
  }
  const names = addresses.filter((_, at) => codes[at] !== null);
  if (names.length === 0) return;
  const message = `${names.join(", ")} ${names.length === 1 ? "is" : "are"} in use: is INFaaS running already? Choose other ports with --port`;
  throw new ServiceError(Code.FAILED_PRECONDITION, message);
}

/** Error code of listening on an address; null: it is free. */
function listenCode(address: string): Promise<string | null> {
  const { host, port } = addressOf(address);
  return new Promise((done) => {
    const server = createServer();
    server.once("error", ({ code = "" }: NodeJS.ErrnoException) => done(code));
    server.listen(port, host, () => server.close(() => done(null)));
  });
}
