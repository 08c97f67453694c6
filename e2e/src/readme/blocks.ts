/** Commands of a page of Markdown, as a reader pastes them, and what the page shows of their output. */
export interface Block {
  /** Heading or bold words that come before, for people. */
  readonly title: string;
  readonly commands: string;
  /** Lines of the `text` block that follows; empty: none follows. */
  readonly shown: readonly string[];
  /** Why it is not run; null: it is run. */
  readonly notRun: string | null;
  /** Exit status of its last command. */
  readonly status: number;
}

const FENCE = /^```(\w*)$/;

/**
 * Returns the `sh` blocks of a page in order. A comment before a block says what is special about it: `<!-- not run: WHY -->`
 * or `<!-- exit status N -->`. The `text` block behind it is its output.
 */
export function blocksOf(page: string): readonly Block[] {
  const blocks: Block[] = [];
  const lines = page.split("\n");
  let [title, remark] = ["", ""];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    title = /^#+ (.+)|^\*\*(.+?)\*\*/.exec(line)?.slice(1).find(Boolean) ?? title;
    remark = /^<!-- (.+) -->$/.exec(line)?.[1] ?? remark;
    const language = FENCE.exec(line)?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf("```", at + 1);
    const inside = lines.slice(at + 1, end);
    const last = blocks.at(-1);
    if (language === "sh") blocks.push({ title, commands: inside.join("\n"), shown: [], ...remarks(remark) });
    else if (language === "text" && last !== undefined)
      blocks[blocks.length - 1] = { ...last, shown: inside };
    remark = "";
    at = end;
  }
  return blocks;
}

function remarks(remark: string): Pick<Block, "notRun" | "status"> {
  const notRun = /^not run: (.+)$/.exec(remark)?.[1] ?? null;
  return { notRun, status: Number(/^exit status (\d+)$/.exec(remark)?.[1] ?? 0) };
}
