import { UnencodableValueError } from '../../value/errors.js';
import type { Codec } from '../codec.js';
import { SplicedDocument } from './spliced-document.js';
import type { SplicedCheck } from './spliced-document.js';
import { KnownOptions } from '../../value/known-options.js';

export interface SplicedOptions {
  /**
   * What is checked when a stored document is read. `structure` (default): that its lengths add up; that it is the JSON it was
   * is known from the entry's checksum. `json`: parses it too, for stores that others write to.
   */
  readonly check?: SplicedCheck;
}

const known = KnownOptions.of<SplicedOptions>('spliced()', { check: true });

/** Documents with holes, made by `compileSpliced` or `splicedDocument()` and served by `renderSpliced`. Stored as they are. */
export function spliced(options: SplicedOptions = {}): Codec<SplicedDocument> {
  known.check(options);
  const { check = 'structure' } = options;
  return {
    name: 'spliced',
    isolations: ['share'],
    encode(value) {
      if (!(value instanceof SplicedDocument)) {
        throw new UnencodableValueError('spliced', '$', 'it is no spliced document', 'Make one with compileSpliced().');
      }
      return value.toBuffer();
    },
    decode: (payload) => SplicedDocument.parse(payload, check),
  };
}
