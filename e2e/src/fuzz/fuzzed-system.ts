/** The fuzzed system. */
export interface FuzzedSystem {
  /** Frontend, host:port, in the clear. */
  readonly address: string;
  /** Its HTTP server, host:port. */
  readonly httpAddress: string;
  /** A variant whose answers are checked, and the rows it is asked about. */
  readonly variant: string;
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  readonly rows: readonly Uint8Array[];
  /** Right class of each row. */
  readonly labels: readonly number[];
  /** Names that mean something to the system, for requests that are nearly right. */
  readonly names: readonly string[];
  /** Names that may be loaded, unloaded or rewritten without effect on checked answers. */
  readonly expendable: readonly string[];
}
