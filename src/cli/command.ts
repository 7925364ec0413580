/** Where a command writes. */
export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Runs on the arguments behind its name and returns the exit code. */
export type Command = (args: readonly string[], output: Output) => Promise<number>;
