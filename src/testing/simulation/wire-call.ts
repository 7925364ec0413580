import { StoreUnavailableError } from '../../value/errors.js';
import type { SimulatedHost } from './simulated-host.js';
import type { Step, Wire } from './step.js';

/** One part of a command that arrives in several, and what it carries out. */
export interface CommandPart<R> {
  readonly what: string;
  readonly carryOut: () => Promise<R>;
}

/** One command of a process on its way to a shard, and its answer on the way back. */
export class WireCall<R> {
  private step: Step | undefined;
  private hasEnded = false;

  constructor(
    private readonly network: Wire,
    private readonly host: SimulatedHost,
    private readonly shard: { readonly name: string; readonly index: number },
    private readonly what: string,
  ) {}

  /** @throws StoreUnavailableError where it, or its answer, is lost. */
  send(parts: readonly [CommandPart<R>, ...CommandPart<R>[]]): Promise<R[]> {
    const { commandTimeoutMs = Infinity, onTimeout } = this.network.options;
    if (this.host.isCrashed) return new Promise(() => {});
    return new Promise((resolve, reject) => {
      const timer =
        commandTimeoutMs === Infinity
          ? undefined
          : this.host.clock.after(commandTimeoutMs, () => {
              onTimeout?.(`${this.host.name} ${this.what}`);
              fail(`no answer within ${commandTimeoutMs} ms`);
            });
      const end = (): void => {
        this.hasEnded = true;
        timer?.cancel();
        if (this.step) this.network.take(this.step);
      };
      const fail = (reason: string): void => {
        end();
        reject(new StoreUnavailableError(this.shard.name, reason));
      };
      // Where callers wait only so long, what is lost is not told: they learn of it by waiting.
      const lose = (): void => (timer ? undefined : fail('lost on the way'));
      const answer = (settle: () => void): void => {
        const happen = (): void => {
          if (!this.network.passes(this.host, this.shard.index, 'answers')) return lose();
          end();
          settle();
        };
        this.add(`${this.host.name} <- ${this.what}`, { way: 'answer', happen, lose });
      };
      this.command(
        parts,
        [],
        lose,
        (answers) => answer(() => resolve(answers)),
        (error) => answer(() => reject(error)),
      );
    });
  }

  private command(
    parts: readonly CommandPart<R>[],
    answers: readonly R[],
    lose: () => void,
    done: (answers: R[]) => void,
    refused: (error: unknown) => void,
  ): void {
    const [part, ...rest] = parts;
    if (!part) return done([...answers]);
    const arrive = async (): Promise<void> => {
      if (!this.network.passes(this.host, this.shard.index, 'commands')) return lose();
      const next = await part.carryOut().then(
        (answered) => () => this.command(rest, [...answers, answered], lose, done, refused),
        (error: unknown) => () => refused(error),
      );
      if (!this.hasEnded) next();
    };
    const again = async (): Promise<unknown> => (this.hasEnded ? undefined : part.carryOut());
    this.add(`${this.host.name} -> ${part.what}`, { way: 'command', happen: arrive, lose, again });
  }

  private add(what: string, step: Pick<Step, 'way' | 'happen' | 'lose' | 'again'>): void {
    if (this.host.isCrashed && step.way === 'answer') return;
    this.step = this.network.add({ what, host: this.host, shard: this.shard.index, ...step });
  }
}
