import { describe, expect, it } from '@jest/globals';
import { answerCodec, CachedAnswer } from '../../src/http/cached-answer.js';
import type { AnswerHead } from '../../src/http/cached-answer.js';
import { UndecodableError } from '../../src/value/errors.js';

const head: AnswerHead = {
  kind: 'text',
  headers: [
    ['content-type', 'text/plain'],
    ['link', ['</a>', '</b>']],
  ],
  etag: '"a"',
  createdAt: 1,
  freshUntil: Infinity,
  staleForMs: 0,
};

function stored(headText: string, body = 'body'): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(headText));
  return Buffer.concat([length, Buffer.from(headText), Buffer.from(body)]);
}

describe('answers in a store', () => {
  it('come back as they were', () => {
    const { head: again, body } = answerCodec.decode(
      answerCodec.encode(new CachedAnswer(head, Buffer.from('ü'))) as Buffer,
    );
    expect(again).toEqual(head);
    expect(body.toString()).toBe('ü');
  });

  it('remove the headers that the handler has removed, and none where nothing is said of it', () => {
    const removed = ['x-frame-options'];
    for (const said of [{ removed }, {}]) {
      const again = answerCodec.decode(
        answerCodec.encode(new CachedAnswer({ ...head, ...said }, Buffer.from('a'))) as Buffer,
      );
      expect(again.head).toEqual({ ...head, ...said });
    }
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a length beyond the end', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7b])],
    ['no JSON', stored('{')],
    ['an empty head', stored('{}')],
    ['null', stored('null')],
    ...Object.entries({
      kind: 'html',
      headers: [['set-cookie', 'id=1']],
      'headers ': [['x-a', 'b\r\nSet-Cookie: id=1']],
      'headers  ': [['a b', 'c']],
      'headers   ': [['a', 1]],
      'headers    ': { a: 'b' },
      removed: ['Set-Cookie'],
      'removed ': ['a b'],
      'removed  ': 'a',
      etag: '"a"\n',
      createdAt: 'now',
      freshUntil: 'later',
      staleForMs: null,
    }).map(([field, value]): [string, Buffer] => [
      `${field.trim()} ${JSON.stringify(value)}`,
      stored(JSON.stringify({ ...head, [field.trim()]: value })),
    ]),
  ])('that are none are undecodable: %s', (_name, payload) => {
    expect(() => answerCodec.decode(payload)).toThrow(UndecodableError);
  });
});
