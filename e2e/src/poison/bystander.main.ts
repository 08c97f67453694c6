/** Entry of a bystander's process: `bystander.main.js KIND ADDRESS HTTP_ADDRESS PAUSE_MS`, spoken to by `Bystanders`. */
import { Bystander, type BystanderKind, type Seen } from "./bystander";

/** What a bystander is told; a number asks it to say "more" once so many more of its queries have ended. */
export type BystanderOrder = "watch" | "end" | number;
/** What a bystander says: what it saw once it has ended. */
export type BystanderWord = Seen | "more";

const [kind, address = "", httpAddress = "", pauseMs] = process.argv.slice(2);
const bystander = new Bystander(kind as BystanderKind, { address, httpAddress }, Number(pauseMs));

process.on("disconnect", () => process.exit(0));
const say = (word: BystanderWord) => void process.send?.(word);
process.on("message", (order: BystanderOrder) => {
  if (order === "end") bystander.end();
  else if (order === "watch") void bystander.watch().then(say);
  else void bystander.more(order).then(() => say("more"));
});
