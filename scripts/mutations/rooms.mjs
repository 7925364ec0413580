// Which tests are asked about a room. Those that take long, or need rights of their own, are left out: each mutant runs them.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../commands.mjs';

/** Rooms that are looked at when none is named. */
export const defaultRooms = ['src/near', 'src/coherence', 'src/load', 'src/write', 'src/origin', 'src/lock'];

/** What a service calls runs through these rooms, so whatever calls it looks at them. */
const callers = ['near', 'tiers', 'cache', 'fills', 'load', 'write', 'coherence', 'decorator', 'testing']
  .map((room) => `test/${room}`)
  .concat(['hostile-store', 'bounds', 'foreign-bytes'].map((name) => `test/security/${name}.spec.ts`))
  .concat(['cache-manager', 'keyv-storage'].map((name) => `test/adapter/${name}.spec.ts`));

/** Folders or files of tests besides the room's own. */
const more = {
  'src/near': callers,
  'src/coherence': callers,
  'src/load': callers,
  'src/write': callers,
  'src/origin': ['test/origin', 'test/security/integrity.spec.ts', ...callers],
  'src/lock': ['test/lock', 'test/decorator/with-lock.spec.ts'],
  'src/tier': ['test/store/memory-store.spec.ts', ...callers],
};
/** Each mutant runs them. */
const tooSlow =
  /(endurance|life-cycle|contention|fencing|fill-protocol|idle-cost|staleness|stamp-under-load|fleet-loads|invalidation-storm|many-at-once|another-process|pages-protocol|restarted-server|invalidation-before-commit)\.spec\.ts$/;

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
