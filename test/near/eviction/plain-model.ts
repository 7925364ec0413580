import type { BoundedMap, Evictable } from '../../../src/near/eviction/bounded-map.js';

/** A value that says which `set` brought it. */
export class Item implements Evictable {
  slot = 0;
  constructor(readonly id: number) {}
}

/** What a bounded map holds, told by its results and its evictions alone: slow, and obviously right. */
export class PlainModel {
  readonly held = new Map<string, { readonly value: Item; readonly bytes: number }>();
  evictions = 0;

  /** The map's `onEvicted`. */
  readonly evicted = (key: string, value: Item): void => {
    if (this.held.get(key)?.value !== value) throw new Error(`${key} was evicted, and that value was not held`);
    this.held.delete(key);
    this.evictions++;
  };

  set(key: string, value: Item, bytes: number, map: BoundedMap<Item>): boolean {
    const kept = map.set(key, value, bytes);
    if (kept) this.held.set(key, { value, bytes });
    else this.held.delete(key);
    return kept;
  }

  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.held.values()) sum += bytes;
    return sum;
  }
}

/** Throws what differs between the map and the model. */
export function compare(map: BoundedMap<Item>, model: PlainModel): void {
  const fault = (what: string): never => {
    throw new Error(what);
  };
  if (map.size !== model.held.size) fault(`size is ${map.size} and should be ${model.held.size}`);
  if (map.bytes !== model.bytes) fault(`bytes are ${map.bytes} and should be ${model.bytes}`);
  if (map.size > map.maxEntries) fault(`${map.size} entries are more than ${map.maxEntries}`);
  if (map.bytes > map.maxBytes) fault(`${map.bytes} bytes are more than ${map.maxBytes}`);
  const listed = new Map(map.entries());
  if (listed.size !== map.size) fault('entries and size differ');
  for (const [key, { value }] of model.held) {
    if (listed.get(key) !== value || map.peek(key) !== value) fault(`${key} should be held`);
  }
}
