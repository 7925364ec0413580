import { Catalogue } from 'nestjs-tiered-cache';
import { accountKeys } from '../../file-service/src/accounts/accounts.keys.js';

/**
 * The records of the file service, which Redis holds as the primary store: `redisRecords({ connection, keys: accountKeys })`. Their keys stand there
 * literally, so a catalogue of their own holds them: no version and no namespace of the cache is put in front.
 */
export const records = new Catalogue(accountKeys);

/** For people. Of what a catalogue knows, lives and tiers are left out: records have none. */
export function recordsAsMarkdown(): string {
  const sections = records.toJSON().map(({ pattern, holds, parameters, owner }) => {
    const names = parameters.map(({ name, type }) => `- parameter \`${name}\`: a ${type}`);
    return [`## \`${pattern}\``, holds, [...names, `- owner: ${owner}`].join('\n')].join('\n\n');
  });
  const heading = '# Records in Redis';
  const summary = `${records.size} classes of JSON under literal keys. Generated from the code: change it there.`;
  return `${[heading, summary, ...sections].join('\n\n')}\n`;
}
