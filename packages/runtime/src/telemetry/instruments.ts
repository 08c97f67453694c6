/** One metric of a process. */
export interface Instrument {
  /** OpenTelemetry name: `infaas.<room>.<what>`. */
  readonly name: string;
  /** UCUM unit. */
  readonly unit: string;
  /** What it measures, and its attributes where it has any. */
  readonly description: string;
}

/** Every metric of a process, declared once as data. */
export type InstrumentTable = Readonly<Record<string, Instrument>>;

/** Returns name, unit and meaning of each, as `--help` prints them. */
export function describeInstruments(table: InstrumentTable): string {
  return Object.values(table)
    .map(({ name, unit, description }) => `  ${name}, in ${unit}\n      ${description}`)
    .join("\n");
}
