/** What is read of a `config.pbtxt`: the file that is served; or why the model is not served here. */
export type ServedConfig = { readonly fileName: string } | { readonly fault: string };

/** Platforms and backends of Triton that serve ONNX files. */
const ONNX = new Set(["onnxruntime_onnx", "onnxruntime"]);

/**
 * Reads a model's configuration in Triton's text form: `platform` and `backend` have to be those of ONNX Runtime, `name` that of the
 * folder, `default_model_filename` is followed. Tensors, batching and instances are found out from the file and by measuring, so the
 * rest is left unread. An empty text is a model without a configuration.
 */
export function servedConfig(text: string, folder: string): ServedConfig {
  const top = topLevel(text);
  const field = (name: string) =>
    new RegExp(`(?:^|[\\s,;])${name}\\s*:\\s*["']([^"'\n]*)["']`).exec(top)?.[1] ?? "";
  const kind = field("backend") || field("platform");
  if (kind !== "" && !ONNX.has(kind))
    return { fault: `it is of '${kind}'; ONNX files are served, platform onnxruntime_onnx` };
  const name = field("name");
  if (name !== "" && name !== folder)
    return { fault: `its name is '${name}', that of its folder is '${folder}'` };
  const fileName = field("default_model_filename") || "model.onnx";
  if (/[/\\]|^\.+$/.test(fileName))
    return { fault: `default_model_filename '${fileName}' leads out of the folder` };
  return { fileName };
}

/** The text without comments and without what stands in brackets. */
function topLevel(text: string): string {
  let [depth, kept] = [0, ""];
  for (const [token] of text.matchAll(
    /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|#[^\n]*|[{[<]|[}\]>]|[^"'#{}[\]<>]+|["']/g,
  )) {
    if (token.startsWith("#")) continue;
    if (/^[{[<]$/.test(token)) depth += 1;
    else if (/^[}\]>]$/.test(token)) depth -= 1;
    else if (depth === 0) kept += token;
  }
  return kept;
}
