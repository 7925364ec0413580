import { createHash } from 'node:crypto';

/** The namespace of all names in this example; itself the UUIDv5 of `enterprise-access.example` among DNS names. */
const exampleNamespace = Buffer.from('f1875a08652f59dd8ed077089ac47ed9', 'hex');

/** The UUID of a name, the same on every machine (RFC 9562, section 5.5). */
export function uuidV5(name: string): string {
  const bytes = createHash('sha1').update(exampleNamespace).update(name, 'utf8').digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
