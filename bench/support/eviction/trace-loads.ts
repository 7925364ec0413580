import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Load } from './synthetic-loads.js';

/** Of the cache2k benchmark project's traces; published figures use such capacities. */
const knownCapacities: Record<string, readonly number[]> = {
  web07: [250, 1_000, 2_000],
  web12: [250, 1_000, 2_000],
  'orm-busy': [250, 1_000, 5_000],
  'orm-night': [250, 1_000, 2_500],
  oltp: [250, 1_000, 5_000],
  multi2: [100, 400, 1_000],
  cpp: [50, 100, 300],
  sprite: [100, 400, 1_000],
  glimpse: [100, 500, 1_000],
};
/** Of the distinct keys, for other traces. */
const shares = [0.01, 0.05, 0.2];

/**
 * The traces of a folder: files `NAME.gz`, one big-endian int32 per look-up, gzipped.
 *
 * @throws Error if there is none, or if one is cut.
 */
export function traceLoads(folder: string): Load[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.gz'));
  if (files.length === 0) throw new Error(`${folder}: holds no .gz file`);
  return files.toSorted().map((file) => {
    const name = basename(file, '.gz');
    const keys = readTrace(join(folder, file));
    const distinct = new Set(keys).size;
    const capacities = knownCapacities[name] ?? shares.map((share) => Math.max(1, Math.round(distinct * share)));
    return { name, capacities, keys: (_, length) => keys.subarray(0, length) };
  });
}

function readTrace(path: string): Int32Array {
  const bytes = gunzipSync(readFileSync(path));
  if (bytes.length % 4 !== 0) throw new Error(`${path}: ${bytes.length} bytes are no whole number of keys`);
  const keys = new Int32Array(bytes.length / 4);
  for (let index = 0; index < keys.length; index++) keys[index] = bytes.readInt32BE(4 * index);
  return keys;
}
