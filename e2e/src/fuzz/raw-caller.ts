import { type RawCall, RawConnection, type RawOutcome } from "./raw-connection";

/** Calls on one connection before it is replaced, so that opening and closing is part of the test. */
const callsPerConnection = 5_000;

/** A gRPC client that sends whatever bytes it is given, on one connection at a time. */
export class RawCaller {
  private connection: RawConnection;

  constructor(private readonly address: string) {
    this.connection = new RawConnection(address);
  }

  /** As `RawConnection.call`. */
  call(call: RawCall): Promise<RawOutcome> {
    return this.open().call(call);
  }

  /** As `RawConnection.abandon`. */
  abandon(call: RawCall, dataBytes: number): void {
    this.open().abandon(call, dataBytes);
  }

  close(): void {
    this.connection.close();
  }

  private open(): RawConnection {
    const { connection } = this;
    if (connection.usable && connection.calls < callsPerConnection) return connection;
    connection.close();
    this.connection = new RawConnection(this.address);
    return this.connection;
  }
}
