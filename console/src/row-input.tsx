import type { Task } from "@infaas/api/messages";
import { useState } from "preact/hooks";
import { PicturePad } from "./picture-pad";
import { imageRow, inputKind, inputOf, numbersRow, type Row, textRow } from "./tensors";

/** Input of a task as people have it: drawn or uploaded, typed, or numbers. */
export function RowInput({ task, give }: { readonly task: Task; readonly give: (row: Row | null) => void }) {
  const spec = inputOf(task);
  if (spec === null) return <p>This task has no input.</p>;
  const { width = 1, height = 1 } = task.image ?? {};
  switch (inputKind(task)) {
    case "image":
      return (
        <PicturePad
          width={width}
          height={height}
          give={(rgba) => give(rgba === null ? null : imageRow(task, spec, rgba))}
        />
      );
    case "text":
      return (
        <TextInput
          title="Text"
          read={(text) => (text === "" ? null : textRow(task, spec, text))}
          give={give}
        />
      );
    case "numbers":
      return (
        <TextInput
          title={`${spec.name}: ${spec.datatype} of shape ${spec.shape.join("×")}`}
          read={(text) => (text.trim() === "" ? null : numbersRow(spec, text))}
          give={give}
        />
      );
  }
}

interface TextInputProps {
  readonly title: string;
  readonly read: (text: string) => Row | null;
  readonly give: (row: Row | null) => void;
}

function TextInput({ title, read, give }: TextInputProps) {
  const [fault, setFault] = useState("");
  const take = (text: string) => {
    try {
      give(read(text));
      setFault("");
    } catch (error) {
      give(null);
      setFault(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <label>
      {title}
      <textarea rows={6} onInput={(event) => take(event.currentTarget.value)} />
      {fault !== "" && <span role="alert">{fault}</span>}
    </label>
  );
}
