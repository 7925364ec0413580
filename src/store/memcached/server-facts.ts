/** Of what `stats` tells (doc/protocol.txt), what the person on call asks for first; by the names that all stores use where they mean the same. */
const names: Readonly<Record<string, string>> = {
  curr_items: 'entries',
  bytes: 'bytes',
  limit_maxbytes: 'maxBytes',
  evictions: 'evictions',
  get_hits: 'hits',
  get_misses: 'misses',
  curr_connections: 'connections',
  uptime: 'uptimeSeconds',
  version: 'version',
};

/** Counts are numbers; what a server does not tell is absent. */
export function serverFacts(lines: readonly (readonly [string, string])[]): Record<string, string | number> {
  const told = new Map(lines);
  const facts: Record<string, string | number> = {};
  for (const [theirs, ours] of Object.entries(names)) {
    const value = told.get(theirs);
    if (value !== undefined) facts[ours] = /^\d{1,15}$/.test(value) ? Number(value) : value.slice(0, 100);
  }
  return facts;
}
