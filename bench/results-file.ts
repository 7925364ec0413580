import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Result } from './harness.js';

/** What came of one benchmark on one Node. */
export interface Outcome {
  /** Its full version. */
  readonly node: string;
  /** The day, in UTC. */
  readonly measuredOn: string;
  readonly result?: Result;
  /** Why there is no result. */
  readonly failure?: string;
}

interface Contents {
  /** The packages in the last run. */
  readonly versions: readonly string[];
  /** By benchmark, then by Node's major version. */
  readonly cases: Readonly<Record<string, Readonly<Record<string, Outcome>>>>;
}

/** What was measured last, of each benchmark on each Node: the page is made of it. Written after each benchmark, so that a run that ends early loses one. */
export class ResultsFile {
  private contents: Contents;

  constructor(private readonly path: string) {
    this.contents = existsSync(path)
      ? (JSON.parse(readFileSync(path, 'utf8')) as Contents)
      : { versions: [], cases: {} };
  }

  get versions(): readonly string[] {
    return this.contents.versions;
  }

  /** By Node's major version. */
  outcomesOf(name: string): Readonly<Record<string, Outcome>> {
    return this.contents.cases[name] ?? {};
  }

  save(name: string, outcome: Outcome, versions: readonly string[]): void {
    const outcomes = { ...this.outcomesOf(name), [majorOf(outcome.node)]: outcome };
    this.contents = { versions, cases: { ...this.contents.cases, [name]: outcomes } };
    mkdirSync(dirname(this.path), { recursive: true });
    writeFileSync(this.path, `${JSON.stringify(this.contents, undefined, 1)}\n`);
  }
}

export function majorOf(node: string): string {
  return node.split('.')[0] ?? node;
}
