import { keyOfChange } from '../../store/feed.js';
import type { Change, Invalidated, Invalidation } from '../../store/feed.js';
import type { Shard } from '../../store/store.js';
import type { SimulatedHost } from './simulated-host.js';
import type { Wire } from './step.js';
import { WireCall } from './wire-call.js';
import type { CommandPart } from './wire-call.js';

/** The shard as a process sees it over the network. */
export function shardOverWire(network: Wire, host: SimulatedHost, shard: Shard, index: number): Shard {
  const place = { name: shard.name, index };
  const send = async <R>(what: string, carryOut: () => Promise<R>): Promise<R> => {
    const [answer] = await new WireCall<R>(network, host, place, what).send([{ what, carryOut }]);
    return answer as R;
  };
  const over: Shard = {
    name: shard.name,
    readMany: (keys) => send(`read ${keys.join(' ')}`, () => shard.readMany(keys)),
    readOrStub: (keys, stubMs) => send(`read or stub ${keys.join(' ')}`, () => shard.readOrStub(keys, stubMs)),
    write: (key, bytes, options) =>
      send(`write ${key}${options.only ? ' if' : ''}`, () => shard.write(key, bytes, options)),
    remove: (key, revision) => send(`remove ${key}${revision ? ' if' : ''}`, () => shard.remove(key, revision)),
    increment: (key, by, seed, lifeMs) =>
      send(`increment ${key} by ${by}`, () => shard.increment(key, by, seed, lifeMs)),
    touch: (key, lifeMs) => send(`touch ${key}`, () => shard.touch(key, lifeMs)),
  };
  if (!hasFeed(shard)) return over;
  const carryOut = (asked: Invalidation): Promise<Invalidated> => shard.invalidate(asked);
  return {
    ...over,
    readFeed: (question) => send('read the feed', () => shard.readFeed(question)),
    invalidate: async (asked) => {
      const what = `invalidate ${asked.changes.map(nameOfChange).join(' ')}`;
      if (network.options.invalidations !== 'in parts') return send(what, () => carryOut(asked));
      const answers = await new WireCall<Invalidated>(network, host, place, what).send(inParts(what, asked, carryOut));
      const [first, , last] = answers as [Invalidated, Invalidated, Invalidated];
      return { outcomes: first.outcomes, watched: last.watched };
    },
  };
}

/** As a server without transactions has it: changes, append, changes again, each a step of its own, and one answer. */
function inParts(
  what: string,
  asked: Invalidation,
  carryOut: (part: Invalidation) => Promise<Invalidated>,
): [CommandPart<Invalidated>, ...CommandPart<Invalidated>[]] {
  const again = asked.changes.filter((change) => !('write' in change));
  const part = (name: string, invalidation: Invalidation): CommandPart<Invalidated> => ({
    what: `${what}: ${name}`,
    carryOut: () => carryOut(invalidation),
  });
  return [
    part('changes', { ...asked, records: [] }),
    part('append', { ...asked, changes: [] }),
    part('changes again', { ...asked, changes: again, records: [] }),
  ];
}

type WithFeed = Shard & Required<Pick<Shard, 'invalidate' | 'readFeed'>>;
const hasFeed = (shard: Shard): shard is WithFeed => shard.invalidate !== undefined && shard.readFeed !== undefined;

const nameOfChange = (change: Change): string => `${keyOfChange(change)}${'write' in change ? ' =' : ''}`;
