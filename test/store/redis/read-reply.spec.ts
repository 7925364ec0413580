import { expect, it } from '@jest/globals';
import { isServerWords } from '../../../src/store/redis/driver/read-reply.js';

it.each<[string, unknown, boolean]>([
  ['a refusal', new Error('WRONGTYPE Operation against a key'), true],
  ['a word alone', new Error('EXECABORT'), true],
  ['a sentence of a client', new Error('Connection is closed.'), false],
  ['an error of the system', Object.assign(new Error('ECONNRESET'), { code: 'ECONNRESET' }), false],
  ['no error', { message: 'WRONGTYPE Operation against a key' }, false],
])('What a driver rejects with is the words of a server, or is not: %s', (_, rejected, isSaid) => {
  expect(isServerWords(rejected)).toBe(isSaid);
});
