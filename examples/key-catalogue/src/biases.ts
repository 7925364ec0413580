import { isUtf8 } from 'node:buffer';
import { UndecodableError, UnencodableValueError } from 'nestjs-tiered-cache';
import type { Codec } from 'nestjs-tiered-cache';

export interface Bias {
  readonly instructor_uid: string;
  readonly category_uid: string;
  readonly bias: number;
}

const name = 'biases-1';
const lengthBytes = 2;
const biasBytes = 8;

/**
 * A codec of the application's own: rows without names and quotes. They stand one after another, in big-endian: the length of the instructor's uid in two
 * bytes, the uid, the same of the category, and the bias as a double. Another format needs another name.
 */
export function biases(): Codec<readonly Bias[]> {
  return {
    name,
    isolations: ['freeze', 'clone'],
    encode(rows) {
      if (!Array.isArray(rows)) throw refusal('$', 'it is no array');
      return Buffer.concat(rows.flatMap((row: Bias, index) => encodedRow(row, `$[${index}]`)));
    },
    decode(payload) {
      const rows: Bias[] = [];
      for (let at = 0; at < payload.length;) {
        const instructor = textAt(payload, at);
        const category = textAt(payload, instructor.end);
        at = category.end + biasBytes;
        if (at > payload.length) throw new UndecodableError('The payload ends within a row.');
        const bias = payload.readDoubleBE(category.end);
        if (!Number.isFinite(bias)) throw new UndecodableError('A bias is not finite.');
        rows.push({ instructor_uid: instructor.text, category_uid: category.text, bias });
      }
      return rows;
    },
  };
}

function encodedRow({ instructor_uid, category_uid, bias }: Bias, path: string): Buffer[] {
  if (!Number.isFinite(bias)) throw refusal(`${path}.bias`, 'it is no finite number');
  const number = Buffer.alloc(biasBytes);
  number.writeDoubleBE(bias);
  return [
    ...encodedText(instructor_uid, `${path}.instructor_uid`),
    ...encodedText(category_uid, `${path}.category_uid`),
    number,
  ];
}

function encodedText(text: string, path: string): Buffer[] {
  if (typeof text !== 'string' || !text.isWellFormed()) throw refusal(path, 'it is no text of whole characters');
  const bytes = Buffer.from(text);
  if (bytes.length > 0xffff) throw refusal(path, 'it has more than 65535 bytes');
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt16BE(bytes.length);
  return [length, bytes];
}

function textAt(payload: Buffer, start: number): { text: string; end: number } {
  const from = start + lengthBytes;
  const end = from <= payload.length ? from + payload.readUInt16BE(start) : Infinity;
  if (end > payload.length) throw new UndecodableError('The payload ends within a uid.');
  const bytes = payload.subarray(from, end);
  if (!isUtf8(bytes)) throw new UndecodableError('A uid is not UTF-8.');
  return { text: bytes.toString(), end };
}

const refusal = (path: string, problem: string): UnencodableValueError =>
  new UnencodableValueError(name, path, problem, 'Mend the loader.');
