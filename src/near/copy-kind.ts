import type { Serving } from '../catalogue/entry-policy.js';
import type { EnvelopeHead } from '../codec/envelope.js';
import type { Trust } from '../coherence/trust.js';

/** What many copies have in common: they share one object, a hundred bytes less for each of them. And what few copies have. */
export type CopyKind = SharedKind | OwnKind;

class SharedKind {
  /** Lives end so many milliseconds before or after this instant; at it, where they have no end. */
  readonly nearEnd: number;
  readonly staleForMs: number;
  readonly version: string | undefined;
  readonly tags: EnvelopeHead['tags'];
  readonly storeOnly: boolean;
  readonly payload = undefined;
  readonly createdAt = undefined;
  readonly servedUntil = undefined;
  readonly nearUntil = undefined;
  readonly refreshNotBefore = undefined;
  /** Of both kinds: where a copy reads what no hit asks for. */
  readonly shared: SharedKind = this;

  constructor(
    head: EnvelopeHead,
    readonly serving: Serving,
    readonly trust: Trust,
  ) {
    this.nearEnd = head.freshUntil;
    this.staleForMs = staleForMs(head);
    this.version = head.version;
    this.tags = head.tags;
    this.storeOnly = head.storeOnly ?? false;
  }

  isOf(head: EnvelopeHead): boolean {
    const { nearEnd } = this;
    return (
      // Endless ones differ from each other by NaN.
      (nearEnd === head.freshUntil || Math.abs(head.freshUntil - nearEnd) < maxEndsAfterMs) &&
      this.staleForMs === staleForMs(head) &&
      this.version === head.version &&
      this.storeOnly === (head.storeOnly ?? false) &&
      this.tags.length === 0 &&
      head.tags.length === 0
    );
  }

  own(): OwnKind {
    return new OwnKind(this);
  }
}

/** Of one copy. What it has in common with others is theirs. */
class OwnKind {
  payload: Buffer | undefined = undefined;
  /** Of a copy without an end, whose life is no number of milliseconds. */
  createdAt: number | undefined = undefined;
  servedUntil: number | undefined = undefined;
  nearUntil: number | undefined = undefined;
  refreshNotBefore: number | undefined = undefined;

  constructor(readonly shared: SharedKind) {}

  get nearEnd(): number {
    return this.shared.nearEnd;
  }

  get serving(): Serving {
    return this.shared.serving;
  }

  get trust(): Trust {
    return this.shared.trust;
  }

  own(): this {
    return this;
  }
}

/** Farther from its kind's instant, a life's end would be no small integer. */
const maxEndsAfterMs = 2 ** 30;

/** The last kind of each way to decode and of what it depends on: keys of several classes and shards come by turns. */
const lastKinds = new WeakMap<Serving, WeakMap<Trust, SharedKind>>();

/** The kind that a copy of this shares with others. */
export function kindOf(head: EnvelopeHead, serving: Serving, trust: Trust): SharedKind {
  let byTrust = lastKinds.get(serving);
  if (!byTrust) lastKinds.set(serving, (byTrust = new WeakMap()));
  const last = byTrust.get(trust);
  if (last?.isOf(head)) return last;
  const kind = new SharedKind(head, serving, trust);
  byTrust.set(trust, kind);
  return kind;
}

function staleForMs({ freshUntil, staleUntil }: EnvelopeHead): number {
  return staleUntil === freshUntil ? 0 : staleUntil - freshUntil;
}
