import { describe, expect, it } from '@jest/globals';
import { codecContract } from 'nestjs-tiered-cache/testing';
import { biases } from '../src/biases.js';

const row = { instructor_uid: 'oseh_i_1', category_uid: 'oseh_jsc_ü', bias: -0.5 };

codecContract(
  { describe, it },
  {
    make: () => biases(),
    values: [[], [row], [row, { instructor_uid: '', category_uid: '', bias: 0 }]],
    refused: [
      null,
      {},
      [{ ...row, bias: NaN }],
      [{ ...row, bias: '1' }],
      [{ ...row, category_uid: undefined }],
      [{ ...row, instructor_uid: '\ud800' }],
      [{ ...row, instructor_uid: 'x'.repeat(0x1_0000) }],
    ],
    undecodable: [
      Buffer.of(0),
      Buffer.of(0, 1),
      Buffer.of(0, 1, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
      Buffer.of(0, 0, 0, 0, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0),
      Buffer.of(0, 0, 0, 0, 0),
    ],
    mutate: (rows) => (rows as object[]).push(row),
  },
);

it('stores rows of biases one after another, led by the lengths of their uids', () => {
  const bytes = Buffer.from(biases().encode([{ instructor_uid: 'i', category_uid: 'jc', bias: 1 }]));
  expect(bytes.toString('hex')).toBe('000169' + '00026a63' + '3ff0000000000000');
});
