/** An instant of a history: the time in milliseconds since its beginning, and what came before what at the same time. */
export interface Moment {
  readonly at: number;
  readonly order: number;
}

/** One operation that a process began. */
export interface Call {
  readonly operation: string;
  readonly process: string;
  /** Whether it was said to read, to write, or neither. */
  readonly kind: 'reads' | 'writes' | 'does';
  readonly began: Moment;
  /** Undefined: it never came back. */
  ended?: Moment;
  outcome?: 'resolved' | 'rejected' | 'crashed';
  error?: unknown;
}

/** A version that was read: by an operation that began then. */
export interface VersionRead extends Moment {
  readonly process: string;
  readonly row: string;
  readonly version: number;
  readonly began: Moment;
}

/** A version of which the world was told that everybody reads it from now on, but for the time that the check allows. */
export interface VersionAcknowledged extends Moment {
  readonly process: string;
  readonly row: string;
  readonly version: number;
}

/** One run of a loader, as the library tells of it. */
export interface LoadRun {
  readonly process: string;
  /** The name of its cache. Undefined: its process gave it none, as `SimulatedProcess.cache`, which is named after its process. */
  readonly cache: string | undefined;
  readonly key: string;
  readonly began: Moment;
  ended?: Moment;
}

/** A loaded value that only its callers were given, as the library tells of it: the store did not take it. */
export interface LoadRefusal extends Moment {
  readonly process: string;
  /** As in {@link LoadRun}. */
  readonly cache: string | undefined;
  readonly key: string;
  readonly reason: string;
}

/** Something that went wrong because the story wanted it so. */
export interface FaultMade extends Moment {
  readonly what: string;
}

/** `wire`: between a process and the store. `step`: what a service waits for beside it. `fact`: what was acknowledged. */
export type LineKind = 'call' | 'wire' | 'step' | 'fault' | 'time' | 'fact';

/** One line of the story, for people. */
export interface Line extends Moment {
  /** Undefined: it is of the world, not of one process. */
  readonly process: string | undefined;
  readonly text: string;
  readonly kind: LineKind;
}

/** What happened in one run of a simulation, and what was seen. Checks look at it once the run is over. */
export class History {
  readonly calls: Call[] = [];
  readonly reads: VersionRead[] = [];
  readonly acknowledged: VersionAcknowledged[] = [];
  readonly loads: LoadRun[] = [];
  readonly refusals: LoadRefusal[] = [];
  readonly faults: FaultMade[] = [];
  /** Names that the library told to be no longer true, by any process. */
  readonly invalidated: (Moment & { readonly key: string })[] = [];
  /** Writes that the library gave up, and why. */
  readonly givenUp: (Moment & { readonly key: string; readonly reason: string })[] = [];
  readonly lines: Line[] = [];
  private order = 0;
  private isSealed = false;

  /** @param elapsedMs the time since the beginning. */
  constructor(private readonly elapsedMs: () => number) {}

  moment(): Moment {
    return { at: this.elapsedMs(), order: this.order++ };
  }

  /** Notes that an operation which began then was given this version of the row. */
  read(process: string, row: string, version: number, began: Moment): void {
    this.reads.push({ process, row, version, began, ...this.moment() });
  }

  /** Notes that this version of the row was acknowledged to the caller who made it. */
  acknowledge(process: string, row: string, version: number): void {
    this.acknowledged.push({ process, row, version, ...this.moment() });
    this.line('fact', process, `${row} ${version} is acknowledged`);
  }

  fault(what: string, process?: string): void {
    this.faults.push({ what, ...this.moment() });
    this.line('fault', process, what);
  }

  line(kind: LineKind, process: string | undefined, text: string): void {
    if (!this.isSealed) this.lines.push({ kind, process, text, ...this.moment() });
  }

  /** The story is over: what ends it is no part of it. */
  seal(): void {
    this.isSealed = true;
  }

  /** Whether a value may have been given to who asked that nobody else was given: its load was refused in this process meanwhile. */
  mayBeOfRefusedLoad({ process, began, order }: VersionRead): boolean {
    return this.refusals.some((one) => one.process === process && one.order > began.order && one.order < order);
  }

  /** Whether nothing had gone wrong by this moment. */
  wasWellUntil({ order }: Moment): boolean {
    return this.faults.every((fault) => fault.order > order);
  }

  /** All lines as one text: two tellings of one story are equal. */
  get text(): string {
    return this.lines.map(({ at, process, text }) => `${at} ${process ?? ''} ${text}`).join('\n');
  }
}
