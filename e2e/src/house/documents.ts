import { dirname, join, normalize } from "node:path";

/** Endings of files that a page may name. */
const ENDINGS = "ts|tsx|cc|h|cu|md|proto|json|yaml|mjs|cjs|js|py|go|java|onnx|png|txt";
const NAMED = new RegExp(String.raw`^(?:[\w@.-]+/)+[\w@.-]+(?:\.(?:${ENDINGS})|/)$`);

/**
 * Returns the files and folders that a page of Markdown names by path: targets of links, and code between
 * backquotes that is a path of two parts or more with a known ending or a slash behind it. Paths that begin
 * with `/` or `.` (state, caches) are not the repository's; neither is what has a scheme or stands in a
 * fenced block.
 */
export function namedPaths(page: string): string[] {
  const text = page.replace(/```[\s\S]*?```/g, "");
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target.replace(/#.*$/, ""));
  const code = [...text.matchAll(/`([^`\s]+)`/g)].map(([, name = ""]) => name);
  const local = links.filter((target) => target !== "" && !/^\w+:/.test(target));
  return [...new Set([...local, ...code.filter((name) => NAMED.test(name) && !name.startsWith("."))])];
}

/**
 * Returns the paths named by a page that are neither in the repository's root nor beside the page.
 * @param tracked Every file of the repository.
 */
export function missingPaths(page: string, text: string, tracked: ReadonlySet<string>): string[] {
  const folders = new Set([...tracked].flatMap(foldersAbove));
  const exists = (path: string) => tracked.has(path) || folders.has(path.replace(/\/$/, ""));
  return namedPaths(text).filter(
    (path) => !exists(normalize(path)) && !exists(normalize(join(dirname(page), path))),
  );
}

function foldersAbove(file: string): string[] {
  const parts = file.split("/").slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
}

/** Returns the pages of `docs/` and the numbers of decisions that comments of code cite. */
export function citedBy(source: string): { readonly pages: string[]; readonly decisions: string[] } {
  return {
    pages: [...source.matchAll(/\bdocs\/[\w/.-]+\.md\b/g)].map(([path]) => path),
    decisions: [...source.matchAll(/\bdecisions? (\d{4})\b/g)].map(([, number = ""]) => number),
  };
}

/** The fewest tests of one kind of harm: the case that was seen, and three more. */
const TESTS_OF_A_KIND = 4;

/**
 * Returns what is wrong with a page of hostile cases: tests, each a line "- `file`: name", that are not in their file, and kinds, each
 * a heading with a number, that have too few.
 * @param read Returns a file's text; empty where it is none.
 */
export function missingTests(text: string, read: (file: string) => string): string[] {
  const kinds = text.split(/^## (?=\d+\. )/m).slice(1);
  return kinds.flatMap((kind) => {
    const tests = [...kind.matchAll(/^- `([^`]+)`: (.+)$/gm)];
    const gone = tests.filter(([, file = "", name]) => !read(file).includes(`"${name}"`));
    const [heading = ""] = kind.split("\n");
    const few = tests.length < TESTS_OF_A_KIND ? [`${heading}: ${tests.length} tests`] : [];
    return [...few, ...gone.map(([line]) => line)];
  });
}
