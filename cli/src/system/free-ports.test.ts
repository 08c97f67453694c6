import { type AddressInfo, createServer } from "node:net";
import { mustBeFree } from "./free-ports";

describe("mustBeFree", () => {
  it("names the address that is taken and passes once it is free", async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(mustBeFree(["127.0.0.1:0", address])).rejects.toThrow(`${address} is in use`);
    await new Promise((closed) => server.close(closed));
    await expect(mustBeFree([address])).resolves.toBeUndefined();
  });
});
