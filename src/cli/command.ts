/** Where a command writes. What it is given may hold stored bytes: they are made safe for a terminal behind it. */
export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

export interface Command {
  /** How it is called, its name first. */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What else `--help` says of it, in lines. */
  readonly details: readonly string[];
  /** Runs on the arguments behind its name and returns the exit code. */
  run(args: readonly string[], output: Output): Promise<number>;
}
