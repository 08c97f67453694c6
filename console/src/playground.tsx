import type { Task } from "@infaas/api/messages";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Answered } from "./answered";
import { connectFrontend, type Failure, type Frontend, failureOf } from "./frontend";
import { type Needs, noNeeds, sloOf } from "./needs";
import { NeedsPanel } from "./needs-panel";
import { Outcome } from "./outcome";
import { RowInput } from "./row-input";
import type { Row } from "./tensors";

/** How long nothing may change before a query is sent, in milliseconds. */
const SETTLED_MS = 150;
/** Where the token is kept while the tab is open. */
const TOKEN_KEY = "infaas-token";

/** Asks a task: an input, needs, and what came of it. Each change is a query of its own. */
export function Playground() {
  const [token, setToken] = useState(sessionStorage.getItem(TOKEN_KEY) ?? "");
  const frontend = useMemo(() => connectFrontend(token), [token]);
  const { tasks, fault } = useTasks(frontend);
  const [name, setName] = useState<string | null>(null);
  const [needs, setNeeds] = useState<Needs>(noNeeds);
  const [row, setRow] = useState<Row | null>(null);
  const task = tasks.find((each) => each.name === name) ?? tasks[0];
  const answered = useAnswer(frontend, task, needs, row);
  const asksForToken =
    fault?.asksForToken === true || (answered.kind === "failure" && answered.failure.asksForToken);
  const keepToken = (given: string) => {
    sessionStorage.setItem(TOKEN_KEY, given);
    setToken(given);
  };
  return (
    <>
      <header>
        <h1>INFaaS</h1>
        <label>
          Task
          <select
            value={task?.name ?? ""}
            onChange={(event) => {
              setName(event.currentTarget.value);
              setRow(null);
            }}
          >
            {tasks.map((each) => (
              <option key={each.name} value={each.name}>
                {each.name}
              </option>
            ))}
          </select>
        </label>
        {asksForToken && <TokenForm keep={keepToken} />}
      </header>
      <main>
        {task === undefined ? (
          <p role="status">{fault?.sentence ?? "No task is registered yet."}</p>
        ) : (
          <>
            <section aria-labelledby="input">
              <h2 id="input">Input</h2>
              <p>{task.description}</p>
              <RowInput key={`${task.name} ${task.version}`} task={task} give={setRow} />
            </section>
            <section aria-labelledby="needs">
              <h2 id="needs">What you need</h2>
              <NeedsPanel needs={needs} change={setNeeds} />
            </section>
            <section aria-labelledby="outcome" aria-live="polite">
              <h2 id="outcome">What you get</h2>
              <Outcome answered={answered} labels={task.labels} needs={needs} change={setNeeds} />
            </section>
          </>
        )}
      </main>
    </>
  );
}

function TokenForm({ keep }: { readonly keep: (token: string) => void }) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        keep(String(new FormData(event.currentTarget).get("token") ?? ""));
      }}
    >
      <label>
        Token
        <input name="token" type="password" autocomplete="off" required />
      </label>
      <button type="submit">Use</button>
    </form>
  );
}

function useTasks(frontend: Frontend): { readonly tasks: readonly Task[]; readonly fault: Failure | null } {
  const [found, setFound] = useState<{ tasks: readonly Task[]; fault: Failure | null }>({
    tasks: [],
    fault: null,
  });
  useEffect(() => {
    const ending = new AbortController();
    frontend.catalog.listModels({}, { signal: ending.signal }).then(
      ({ tasks }) => setFound({ tasks: tasks.filter((task) => task.signature !== undefined), fault: null }),
      (fault: unknown) => {
        if (!ending.signal.aborted) setFound({ tasks: [], fault: failureOf(fault) });
      },
    );
    return () => ending.abort();
  }, [frontend]);
  return found;
}

/** The answer to the latest input and needs; a query that they have overtaken is given up. */
function useAnswer(frontend: Frontend, task: Task | undefined, needs: Needs, row: Row | null): Answered {
  const [answered, setAnswered] = useState<Answered>({ kind: "none" });
  const target = task?.name;
  useEffect(() => {
    if (target === undefined || row === null) {
      setAnswered({ kind: "none" });
      return;
    }
    const ending = new AbortController();
    const { name, datatype, shape, bytes } = row;
    const query = {
      target,
      slo: sloOf(needs),
      inputs: [{ name, datatype, shape }],
      rawInputContents: [bytes],
      explain: true,
    };
    const timer = setTimeout(() => {
      frontend.inference.query(query, { signal: ending.signal }).then(
        (response) => setAnswered({ kind: "answer", response }),
        (fault: unknown) => {
          if (!ending.signal.aborted) setAnswered({ kind: "failure", failure: failureOf(fault) });
        },
      );
    }, SETTLED_MS);
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [frontend, target, needs, row]);
  return answered;
}
