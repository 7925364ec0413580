import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { KetamaRing } from '../../src/store/memcached/ketama-ring.js';

const keys = Array.from({ length: 10_000 }, (_, i) =>
  i % 3 === 0 ? `shop~:product:#${i}` : i % 3 === 1 ? `shop~lock:policy:${i}` : `~tag:${i}`,
);
const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.${i}.7:11211`);

/** What hashring 3.2.0 answered: the servers of the first 60 keys, and the SHA-256 of those of all 10,000. */
const table: readonly (readonly [servers: readonly string[], first: string, all: string])[] = [
  [
    many(6),
    '0 3 1 5 1 5 2 4 3 4 3 5 4 0 1 0 5 5 0 1 5 0 5 0 4 2 2 2 1 4 2 3 4 5 5 0 0 5 0 0 4 1 3 2 5 5 0 2 4 2 2 5 2 2 3 0 4 4 2 1',
    '8994616cc9c9bb5a3ea6bcae259b1d482b5a9c0f1652bd46d77f797ddadeb2f8',
  ],
  [
    many(7),
    '0 3 1 5 1 5 2 4 3 4 3 5 4 0 6 0 5 5 6 1 5 6 5 4 4 2 2 6 1 4 2 3 4 5 5 0 0 6 6 0 4 1 3 2 6 5 0 2 4 2 2 5 6 2 3 0 4 4 2 1',
    'b7b8b1629c464aecfc8d7722797b79dfb4a37f1d1af20edcdcb806571bfe1344',
  ],
  [
    many(11),
    '0 3 1 7 1 10 2 4 8 10 3 5 4 0 6 0 10 8 9 1 5 10 5 0 4 2 9 10 9 9 10 10 6 8 5 0 0 6 10 0 4 1 3 2 6 7 0 2 4 10 7 5 6 2 3 8 4 9 2 1',
    'e444f20f9d33680298b3ac2e5bd7e354054fdb61f6c169156cf4b56fd67d1696',
  ],
  [
    many(13),
    '0 11 1 7 1 10 2 12 8 10 3 5 4 0 6 0 10 8 9 1 5 10 5 0 12 2 9 10 9 9 10 11 6 8 5 0 0 6 10 0 4 11 3 12 6 7 0 2 4 10 7 5 6 2 3 8 4 9 2 12',
    '79d81bc8c11b2e1943c5fd8d71973c105dc3a1cf1262db1162cb62f330a859a6',
  ],
  [
    many(23),
    '15 11 1 7 18 10 2 12 20 15 17 18 16 17 6 18 21 8 18 1 5 18 16 0 16 13 9 10 22 9 10 11 15 8 5 0 13 14 10 19 14 11 3 17 13 7 13 2 4 20 7 5 6 2 3 15 4 9 14 12',
    '0330c3b17bef7793df499963acde069aabe1dab47869614e2d96ea03d5eeea20',
  ],
  [
    many(29),
    '15 11 1 27 18 10 23 12 20 15 23 28 16 17 6 18 21 27 18 1 5 18 16 0 28 13 9 10 22 9 10 11 15 8 5 27 13 14 10 19 14 11 3 17 28 7 13 2 4 20 23 5 6 2 3 25 4 9 14 12',
    '888941106dfce2140b7739bc734f4a3a868cce84a519b9ec1853fd08ed856997',
  ],
  [
    many(41),
    '15 29 34 31 18 10 23 12 32 37 30 28 16 17 30 18 21 27 33 1 5 18 16 0 28 13 9 36 22 9 10 11 33 8 5 27 40 14 10 33 14 11 3 17 28 7 40 36 4 20 23 5 6 2 3 35 32 9 14 12',
    '26e431d2f0769a0e043e53462330498e5ffc06e12e6c6f113e0305005faa5001',
  ],
  [
    many(49),
    '15 48 34 31 18 10 23 12 47 37 30 28 16 17 30 18 21 27 33 1 5 42 16 9 28 13 9 36 22 9 10 11 33 8 5 27 40 14 10 33 14 11 3 17 28 44 40 48 4 20 42 5 6 2 3 35 32 9 14 44',
    '32cd0f3a3cbb88eb5679beda3821ad1246a116cce968afa91df22fdedea2ccb9',
  ],
  [
    many(93),
    '15 51 34 31 18 10 69 12 47 37 65 28 16 17 30 64 86 27 70 1 5 59 71 0 70 13 68 36 22 77 74 11 33 53 5 27 87 14 10 33 61 11 3 84 28 44 53 51 61 76 42 5 53 88 3 35 32 87 53 92',
    '228766aa788714c4a496a25ec225056c18018e30beea2a5a59567ad38b6de917',
  ],
  [
    ['10.0.0.1:11211', '10.0.0.2:11211'],
    '1 0 1 1 0 1 1 0 0 0 1 1 0 1 1 0 1 0 0 0 1 1 0 0 0 1 1 0 0 0 1 1 1 0 1 1 1 0 1 1 0 1 0 1 1 1 1 1 1 0 1 1 1 1 1 0 0 1 0 0',
    '91fe91d00813b9443e1b3893cd1955651dafc88a34bc223852374b066770754e',
  ],
  [
    ['cache-a.internal:11211', 'cache-b.internal:11211', 'cache-c.internal:11212'],
    '2 1 0 1 1 0 0 1 1 0 1 1 1 2 0 2 1 1 1 1 0 2 0 1 0 0 2 0 2 1 1 2 1 0 2 2 0 0 0 2 1 2 2 2 2 1 0 0 1 2 2 2 1 2 0 0 1 1 0 0',
    'd4b8fff6ae2991218bd9e1388bb3cd08d5eaf809b72154053f1ec7b94a8580f4',
  ],
  [
    ['[::1]:11211', '[::1]:11212', '[fd00::2]:11211'],
    '1 2 1 1 0 2 0 2 2 0 1 0 2 2 1 2 0 0 1 0 0 1 1 2 0 2 0 2 2 2 2 1 2 2 0 2 0 1 1 0 2 2 2 1 1 0 0 2 2 1 0 1 0 2 2 2 0 1 1 2',
    'e3f7437bdc2b6a62d76c85da74bf67945781d3134e630cbf3a4a4f385bd55ec5',
  ],
  [
    ['127.0.0.1:11211', '127.0.0.1:11212', '127.0.0.1:11213', '127.0.0.1:11214', '127.0.0.1:11215'],
    '4 2 4 2 4 0 0 2 2 0 0 4 2 4 1 0 3 0 2 1 4 0 4 0 2 3 1 1 2 0 3 4 2 2 3 1 2 4 0 4 0 3 0 3 4 3 2 3 2 1 1 2 0 0 1 0 4 2 2 3',
    '79bc2aadc195c575d99d115a53a9d55ef7f11b116539b801d7bb6e92e1fb58bc',
  ],
];

describe('a ring of servers', () => {
  it.each(table)('%j places each key where it always was', (servers, first, all) => {
    const ring = new KetamaRing(servers);
    const places = keys.map((key) => servers.indexOf(ring.serverOf(key)));
    expect(places.slice(0, 60).join(' ')).toBe(first);
    expect(createHash('sha256').update(places.join(' ')).digest('hex')).toBe(all);
    expect(ring.serverOf(keys[0] as string)).toBe(servers[places[0] as number]);
  });

  it('moves only the share of a server that is added, and spreads evenly enough', () => {
    const [five, six] = [new KetamaRing(many(5)), new KetamaRing(many(6))];
    const moved = keys.filter((key) => five.serverOf(key) !== six.serverOf(key));
    expect(moved.every((key) => six.serverOf(key) === '10.0.5.7:11211')).toBe(true);
    expect(moved.length).toBeGreaterThan(keys.length / 12);
    expect(moved.length).toBeLessThan(keys.length / 3);
    for (const server of many(5)) {
      expect(keys.filter((key) => five.serverOf(key) === server).length).toBeGreaterThan(keys.length / 10);
    }
  });
});
