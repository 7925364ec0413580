import { afterEach, expect, it } from '@jest/globals';
import { ListFollower } from '../../src/store/memcached/list/list-follower.js';
import type { ListMark } from '../../src/store/memcached/list/list-mark.js';
import type { ListedServers } from '../../src/store/memcached/list/server-source.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const mark: ListMark = { number: 1, id: 'first', version: undefined, servers: ['a:1'], must: ['a:1'], isOpen: true };
const list = (): Promise<ListedServers> => Promise.resolve({ servers: ['a:1'] });
const everyMs = 5_000;

let follower: ListFollower;
let source: { name: string; list: () => Promise<ListedServers> };
afterEach(() => follower.close());

/** It works on its list, and its source and its server say nothing from now on. */
async function following(clock: FakeClock): Promise<void> {
  source = { name: 'source', list };
  let isSilent = false;
  follower = new ListFollower({
    store: 'memcached',
    source,
    network: { talk: () => Promise.reject(new Error('no network')), addressesOf: () => Promise.resolve([]) },
    everyMs,
    patienceMs: 100,
    clock,
    random: () => 0,
    ask: () => Promise.resolve(isSilent ? undefined : { mark, revision: undefined }),
    named: () => {},
    adopted: () => {},
    closesOld: true,
  });
  await follower.open();
  isSilent = true;
  source.list = () => new Promise(() => {});
}

it.each<[string, (clock: FakeClock) => Promise<void>]>([
  ['a pause of the process', (clock) => clock.advance(2 * everyMs + 1)],
  // Its monotonic clock stands still.
  ['a suspension of the machine', async (clock) => clock.jump(2 * everyMs + 1)],
])('A list is worked on after %s only if somebody vouches for it', async (_, pass) => {
  const clock = new FakeClock();
  await following(clock);
  expect(await follower.listInForce()).toMatchObject({ id: 'first' });
  await pass(clock);
  const asked = expect(follower.listInForce()).rejects.toThrow('nobody vouches for its list of servers now');
  await clock.advance(100);
  await asked;
});

it('A list is worked on no longer where the wall clock is set back', async () => {
  const clock = new FakeClock();
  await following(clock);
  clock.jump(-3_600_000);
  await clock.advance(2 * everyMs + 1);
  const asked = expect(follower.listInForce()).rejects.toThrow('nobody vouches for its list of servers now');
  await clock.advance(100);
  await asked;
});

it.each([
  null,
  undefined,
  'text',
  Object.defineProperty(new Error(), 'message', {
    get: () => {
      throw new Error('no');
    },
  }),
])('A source that throws what is no readable error is asked again (%#)', async (thrown) => {
  const clock = new FakeClock();
  await following(clock);
  let asked = 0;
  source.list = () => {
    asked++;
    return Promise.reject(thrown);
  };
  await clock.advance(3 * everyMs);
  expect(asked).toBeGreaterThan(1);
});
