// Which tests are asked about a room. Those that take long, or need rights of their own, are left out: each mutant runs them.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../commands.mjs';

/** Rooms that are looked at when none is named. */
export const defaultRooms = ['src/near', 'src/coherence', 'src/load', 'src/write', 'src/origin', 'src/lock'];

/** Folders or files of tests besides the room's own, and what is too slow for each mutant. */
const more = {
  'src/near': ['test/near', 'test/tiers', 'test/cache'],
  'src/coherence': ['test/coherence', 'test/cache', 'test/fills/late-fills.spec.ts'],
  'src/load': ['test/load', 'test/fills', 'test/cache'],
  'src/write': ['test/write', 'test/coherence', 'test/cache'],
  'src/origin': ['test/origin', 'test/fills', 'test/coherence'],
  'src/tier': ['test/tiers', 'test/fills', 'test/coherence', 'test/cache', 'test/store/memory-store.spec.ts'],
};
const tooSlow =
  /(endurance|life-cycle|contention|fencing|fill-protocol|idle-cost|staleness|stamp-under-load|fleet-loads)\.spec\.ts$/;

export const defaultTests = (room) => more[room] ?? [room.replace(/^src/, 'test')];

/** The sources of a room, as paths from the root. */
export function sourcesOf(room) {
  if (!existsSync(join(root, room))) return [];
  return filesBelow(room).filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'));
}

/** The specs that stand at these paths; folders without the slow ones. */
export function specsAt(paths) {
  const found = paths
    .filter((path) => existsSync(join(root, path)))
    .flatMap((path) => (path.endsWith('.ts') ? [path] : filesBelow(path).filter((file) => !tooSlow.test(file))));
  return [...new Set(found)].filter((path) => path.endsWith('.spec.ts')).sort();
}

const filesBelow = (folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .map((path) => join(folder, path))
    .sort();
