import { commonOptions, type Verb } from "./verb";

/** What the argument of a verb is: names from the running system, a file, or nothing to complete. */
type Argument = "names" | "hosts" | "files" | "none";

/** What `usage` says of the argument. */
export function argumentOf({ usage }: Pick<Verb, "usage">): Argument {
  if (usage.startsWith("FILE")) return "files";
  if (usage.startsWith("EXECUTOR")) return "hosts";
  return /TARGET|TASK|NAME|VARIANT/.test(usage) ? "names" : "none";
}

/** A name as a shell may expand it: whatever a frontend answers, nothing in it is run. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._/-]*$/.test(name);
}

/**
 * Returns a script for bash that completes verbs, options and arguments of `infaas`, from the table that help is made from.
 * Names are asked of the running system by the program that is being typed; values of options are files to it.
 */
export function bashCompletion(verbs: readonly Verb[]): string {
  return `_infaas() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} options valued argument
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${[...verbs.map(({ name }) => name), "help", "--version"].join(" ")}' -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
${verbs.map(caseOf).join("\n")}
    help) COMPREPLY=($(compgen -W '${verbs.map(({ name }) => name).join(" ")}' -- "$current")); return ;;
    *) return ;;
  esac
  case " $valued " in *" $previous "*) COMPREPLY=($(compgen -f -- "$current")); return ;; esac
  case $current in -*) COMPREPLY=($(compgen -W "$options" -- "$current")); return ;; esac
  case $argument in
    files) COMPREPLY=($(compgen -f -- "$current")) ;;
    names|hosts) COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" completion "$argument" 2>/dev/null)" -- "$current")) ;;
  esac
}
complete -o filenames -F _infaas infaas
`;
}

function caseOf(verb: Verb): string {
  const table = Object.entries({ ...verb.options, ...commonOptions });
  const all = table.map(([name]) => `--${name}`).join(" ");
  const valued = table.flatMap(([name, { type }]) => (type === "boolean" ? [] : [`--${name}`])).join(" ");
  return `    ${verb.name}) options='${all}' valued='${valued}' argument=${argumentOf(verb)} ;;`;
}
