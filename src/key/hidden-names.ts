import { createHmac, createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import { InvalidOptionError } from '../value/errors.js';
import { lastingText } from '../value/lasting-text.js';
import type { Key } from './key.js';

const minSecretBytes = 32;
/** Of names that are remembered, so that a hot key is hidden by one look into a map. */
const maxRemembered = 10_000;
const hiddenName = /^~[\w-]{43}$/;

/**
 * Names for keys, tags and locks that can be compared and not read: `~` and HMAC-SHA-256 under a secret, in base64url. Whoever has a dictionary and not the
 * secret can't find what was named. A key, a tag and a lock of the same text have different names.
 */
export class HiddenNames {
  /** Tells processes of another secret, which compute other names. */
  readonly fingerprint: string;
  // Not a property: whatever walks an object finds no secret here.
  readonly #secret: KeyObject;
  #young = new Map<string, string>();
  #old = new Map<string, string>();

  /** @throws InvalidOptionError for a secret of fewer than 32 bytes of UTF-8. It is never quoted. */
  constructor(secret: string) {
    const bytes = Buffer.from(secret, 'utf8');
    if (bytes.length < minSecretBytes) {
      const problem = `it has fewer than ${minSecretBytes} bytes`;
      throw new InvalidOptionError('keySecret', problem, 'Make one with `openssl rand -base64 32`.');
    }
    this.#secret = createSecretKey(bytes);
    this.fingerprint = this.hide('fingerprint', '').slice(1, 12);
  }

  /** The same object, or one of this secret. */
  static of(given: HiddenNames | string): HiddenNames {
    return given instanceof HiddenNames ? given : new HiddenNames(given);
  }

  hide(kind: 'key' | 'tag' | 'lock' | 'fingerprint', text: string): string {
    return `~${createHmac('sha256', this.#secret).update(`${kind}\0${text}`).digest('base64url')}`;
  }

  /** The same key under its hidden name. */
  ofKey(key: Key): Key {
    const { id } = key;
    let name = this.#young.get(id) ?? this.#old.get(id);
    if (name === undefined) {
      name = this.hide('key', key.text);
      if (this.#young.size >= maxRemembered / 2) [this.#old, this.#young] = [this.#young, new Map<string, string>()];
      this.#young.set(lastingText(id), name);
    }
    return key.named(name);
  }

  [inspect.custom](): string {
    return `HiddenNames { ${this.fingerprint} }`;
  }

  toJSON(): object {
    return { fingerprint: this.fingerprint };
  }
}

/** Tells apart processes that compute other store keys of the same text. */
export function formatUnder(hidden: HiddenNames | undefined): string {
  return hidden ? `digest:${hidden.fingerprint}` : 'readable';
}

/** Whether a text is a name that was hidden: no other text of a key begins with `~`. */
export function isHiddenName(text: string): boolean {
  return hiddenName.test(text);
}
