import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { parseRedisUrl } from '../../../src/store/redis/redis-url.js';
import type { RedisTarget } from '../../../src/store/redis/redis-target.js';
import { InvalidOptionError } from '../../../src/value/errors.js';

const facts = (target: RedisTarget) => ({
  topology: target.topology,
  addresses: target.addresses.map(({ text }) => text),
  ...(target.primaryName !== undefined && { name: target.primaryName }),
  database: target.database,
  tls: target.tls !== undefined,
  ...target.credentials.reveal(),
});

const plain = { topology: 'alone', database: 0, tls: false, username: undefined, password: undefined };

describe('A URL of Redis', () => {
  it.each<[string, object]>([
    ['redis://a', { ...plain, addresses: ['a:6379'] }],
    ['redis://a:7000/3', { ...plain, addresses: ['a:7000'], database: 3 }],
    ['redis://[::1]:7000/', { ...plain, addresses: ['[::1]:7000'] }],
    ['rediss://a', { ...plain, addresses: ['a:6379'], tls: true }],
    ['REDIS://a', { ...plain, addresses: ['a:6379'] }],
    ['redis://app:p%40ss%3A%2F@a', { ...plain, addresses: ['a:6379'], username: 'app', password: 'p@ss:/' }],
    ['redis://:secret@a', { ...plain, addresses: ['a:6379'], password: 'secret' }],
    ['redis://a:1,b:2, c', { ...plain, topology: 'cluster', addresses: ['a:1', 'b:2', 'c:6379'] }],
    ['redis+cluster://a', { ...plain, topology: 'cluster', addresses: ['a:6379'] }],
    [
      'redis+cluster://u:p@a:1,b',
      { ...plain, topology: 'cluster', addresses: ['a:1', 'b:6379'], username: 'u', password: 'p' },
    ],
    ['rediss+cluster://a/0', { ...plain, topology: 'cluster', addresses: ['a:6379'], tls: true }],
    [
      'redis+sentinel://u:p@a,b:2/main/4',
      {
        ...plain,
        topology: 'sentinel',
        addresses: ['a:26379', 'b:2'],
        name: 'main',
        database: 4,
        username: 'u',
        password: 'p',
      },
    ],
    ['rediss+sentinel://a/main', { ...plain, topology: 'sentinel', addresses: ['a:26379'], name: 'main', tls: true }],
  ])('%s is understood', (url, expected) => {
    expect(facts(parseRedisUrl(url, 'url'))).toEqual(expected);
  });

  it.each<[string, RegExp]>([
    ['', /no URL of Redis/],
    ['localhost:6379', /no URL of Redis/],
    ['http://a', /scheme is none of redis, rediss, redis\+sentinel/],
    ['redis://', /a host is missing/],
    ['redis://a,', /a host is missing/],
    ['redis://a,b:x', /host number 2 is not host:port/],
    ['redis://a:70000', /host number 1 is not host:port/],
    ['redis://a:1,a:1', /a:1 is named twice/],
    ['redis://a/x', /database is not a number/],
    ['redis://a/1/2', /database is not a number/],
    ['redis://a,b/1', /no database but 0/],
    ['redis+cluster://a/1', /no database but 0/],
    ['redis://a?family=6', /query or a fragment/],
    ['redis+sentinel://a', /primary's name is missing/],
    ['redis://only-a-user@a', /user has no password/],
    ['redis://u:%E0%A4%A@a', /not percent-encoded/],
  ])('%j is refused, and the error says what is valid', (url, problem) => {
    const refuse = () => parseRedisUrl(url, 'CACHE_REDIS_URL');
    expect(refuse).toThrow(InvalidOptionError);
    expect(refuse).toThrow(problem);
    expect(refuse).toThrow(/^CACHE_REDIS_URL: .*redis:\/\/user:password@host:6379\/0/s);
  });

  it.each(['redis://u:hunter2@a,b/1', 'redis://u:hunter2@a/x', 'redis://u:hunter2@', 'http://u:hunter2@a', 'hunter2'])(
    'a password never shows in an error: case %#',
    (url) => {
      let error: unknown;
      try {
        parseRedisUrl(url, 'url');
      } catch (thrown) {
        error = thrown;
      }
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2');
    },
  );

  it('a password shows nowhere in a target that is printed', () => {
    const target = parseRedisUrl('redis://app:hunter2@a', 'url');
    expect(`${inspect(target, { depth: 9, showHidden: true })}${JSON.stringify(target)}`).not.toContain('hunter2');
  });
});
