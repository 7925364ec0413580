import { describe, expect, it } from '@jest/globals';
import { defineKey } from '../../src/catalogue/define-key.js';
import type { ParameterSpec } from '../../src/catalogue/key-parameters.js';
import { RecordKeys } from '../../src/record/record-keys.js';

describe('The key classes of records', () => {
  const by = (name: string, spec: ParameterSpec) => defineKey(`stats:{${name}}`, { params: { [name]: spec } });

  it('write each value as its text', () => {
    const [day, active] = [by('day', 'number'), by('active', 'boolean')];
    const keys = new RecordKeys([day, active]);
    expect(keys.nameOf(day({ day: 1 }))).toBe('stats:1');
    expect(keys.nameOf(active({ active: true }))).toBe('stats:true');
  });

  it.each<[ParameterSpec, ParameterSpec]>([
    ['number', 'string'],
    ['boolean', 'string'],
    ['bigint', 'number'],
    ['number', 'number'],
    ['number', { values: ['all', '-1.5'] }],
    ['boolean', { values: ['true'] }],
    [{ type: 'number', none: 'true' }, 'boolean'],
    ['number', { matches: /^\d$/ }],
  ])('are refused where values of two can have the same text: %j and %j', (one, other) => {
    const making = () => new RecordKeys([by('one', one), by('other', other)]);
    const words = "keys: some patterns can produce the same key: 'stats:{one}' and 'stats:{other}'.";
    expect(making).toThrow(words);
  });

  it.each<[ParameterSpec, ParameterSpec]>([
    ['number', 'boolean'],
    ['number', { values: ['all', '', '1e'] }],
    ['boolean', { values: ['True'] }],
    ['bigint', { type: 'boolean', none: '1.5' }],
  ])('are taken where no value of one has the text of another’s: %j and %j', (one, other) => {
    expect(new RecordKeys([by('one', one), by('other', other)])).toBeInstanceOf(RecordKeys);
  });

  it('meet literals as well', () => {
    expect(() => new RecordKeys([by('day', 'number'), defineKey('stats:1', {})])).toThrow('same key');
    expect(new RecordKeys([by('day', 'number'), defineKey('stats:all', {})])).toBeInstanceOf(RecordKeys);
  });

  it('take no value that has the text for "none"', () => {
    const page = defineKey('page:{at}', { params: { at: { type: 'number', none: '0' } } });
    const keys = new RecordKeys([page]);
    expect([keys.nameOf(page()), keys.nameOf(page({ at: 1 }))]).toEqual(['page:0', 'page:1']);
    expect(() => keys.nameOf(page({ at: 0 }))).toThrow(/parameter at .* stands for "none"/);
  });
});
