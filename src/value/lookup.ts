import { inspect } from 'node:util';

/** Why a look-up found nothing to serve. */
export type MissReason = 'absent' | 'expired' | 'invalidated' | 'version' | 'undecodable' | 'unavailable' | 'forced';

/** The places a value can be found in, nearest first; a store names its own tier. */
export type TierName = 'request' | 'process' | 'disk' | 'memcached' | 'redis' | 'memory' | (string & {});

export type Freshness = 'fresh' | 'stale';

/** The outcome of a look-up. Tell the two apart by `hit`, never by the value: a cached `null` or `false` is a hit. */
export type Lookup<V = unknown> = Hit<V> | Miss;

/** A value was found. Printing, serializing or interpolating a hit masks the value; read `value` to use it. */
export class Hit<V = unknown> {
  readonly hit = true as const;

  constructor(
    readonly key: string,
    readonly value: V,
    readonly tier: TierName,
    readonly freshness: Freshness,
  ) {}

  toJSON(): object {
    return { hit: true, key: this.key, value: '[masked]', tier: this.tier, freshness: this.freshness };
  }

  toString(): string {
    return `${this.freshness} hit of ${this.key} in the ${this.tier} tier`;
  }

  [inspect.custom](): string {
    return `Hit { ${this.toString()} }`;
  }
}

/** Nothing was found, and why. */
export class Miss {
  readonly hit = false as const;

  constructor(
    readonly key: string,
    readonly reason: MissReason,
  ) {}

  toJSON(): object {
    return { hit: false, key: this.key, reason: this.reason };
  }

  toString(): string {
    return `miss of ${this.key} (${this.reason})`;
  }

  [inspect.custom](): string {
    return `Miss { ${this.toString()} }`;
  }
}
