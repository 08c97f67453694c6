/** Entry of a bystander's process: `bystander.main.js KIND ADDRESS HTTP_ADDRESS`, spoken to by `Bystanders`. */
import { Bystander, type BystanderKind, type Seen } from "./bystander";

/** What a bystander is told. */
export type BystanderOrder = "watch" | "end";

const [kind, address = "", httpAddress = ""] = process.argv.slice(2);
const bystander = new Bystander(kind as BystanderKind, { address, httpAddress });

process.on("disconnect", () => process.exit(0));
process.on("message", (order: BystanderOrder) => {
  if (order === "end") bystander.end();
  else void bystander.watch().then((seen: Seen) => process.send?.(seen));
});
