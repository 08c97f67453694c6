import Ajv, { type ValidateFunction } from "ajv/dist/2020";
import { infaas } from "../cluster";

type System = Parameters<typeof infaas>[0];

/** Validators of what verbs print with `--json`, from the schema that the program itself prints. */
export class Outcomes {
  private constructor(private readonly ajv: Ajv) {}

  static async of(system: System): Promise<Outcomes> {
    const { status, stdout } = await infaas(system, "schema");
    if (status !== 0) throw new Error(`infaas schema ended with ${status}: ${stdout}`);
    return new Outcomes(
      new Ajv({ strict: true, allowUnionTypes: true }).addSchema(JSON.parse(stdout), "infaas"),
    );
  }

  /** Runs a command with `--json` and returns its status, and what of its output is not as the schema has it. */
  async run(system: System, kind: string, ...words: string[]) {
    const { status, stdout } = await infaas(system, ...words, "--json");
    const validate = this.ajv.getSchema(`infaas#/$defs/${kind}`) as ValidateFunction | undefined;
    if (validate === undefined) throw new Error(`there is no schema of '${kind}'`);
    validate(JSON.parse(stdout));
    return { status, faults: validate.errors ?? [] };
  }
}
