import { VirtualClock } from "@infaas/runtime";
import { type ClientTls, RenewedClient } from "./renewed-client";

class Client {
  closed = false;
  constructor(readonly tls: ClientTls | null) {}
  close(): void {
    this.closed = true;
  }
}

const tlsOf = (text: string): ClientTls => ({ ca: Buffer.from("ca"), cert: Buffer.from(text) });

describe("RenewedClient", () => {
  const clock = new VirtualClock();
  let tls: ClientTls | null = null;
  const renewed = () =>
    new RenewedClient({ clock, tls: () => tls, open: (now) => new Client(now), graceMs: 1_000 });

  it("keeps its client while the certificates are the same", () => {
    tls = tlsOf("first");
    const client = renewed();
    const before = client.current();
    tls = { ...tls };
    expect(client.current()).toBe(before);
  });

  it("opens a new one when they have changed, and closes the one before when its calls are over", async () => {
    tls = tlsOf("first");
    const client = renewed();
    const before = client.current();
    tls = tlsOf("second");
    const after = client.current();
    expect(after).not.toBe(before);
    expect(after.tls).toBe(tls);
    await clock.advance(999);
    expect(before.closed).toBe(false);
    await clock.advance(1);
    expect([before.closed, after.closed]).toEqual([true, false]);
  });

  it("closes all that it opened", () => {
    tls = tlsOf("first");
    const client = renewed();
    const before = client.current();
    tls = null;
    const after = client.current();
    client.close();
    expect([before.closed, after.closed]).toEqual([true, true]);
  });
});
