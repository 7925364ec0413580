import type { ObjectChecksum, ObjectHead } from '../object-store.js';

/** What the answers to GET and HEAD have in common. */
export interface S3HeadOutput {
  readonly ETag?: string | undefined;
  readonly ContentLength?: number | undefined;
  readonly ContentType?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly Metadata?: Record<string, string> | undefined;
  readonly ChecksumType?: string | undefined;
  readonly ChecksumSHA256?: string | undefined;
  readonly ChecksumSHA1?: string | undefined;
  readonly ChecksumCRC32?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly SSECustomerAlgorithm?: string | undefined;
}

/**
 * @param size of the whole object, which the answer to a range does not say in its length.
 * @param isWhole whether the answer is one about the whole object: the checksums of other answers may be those of a part.
 */
export function headOf(output: S3HeadOutput, size: number, isWhole: boolean): ObjectHead {
  const checksum = checksumOf(output, isWhole);
  return {
    size,
    etag: output.ETag ?? '',
    ...(output.ContentType !== undefined && { contentType: output.ContentType }),
    ...(output.LastModified && { lastModified: output.LastModified }),
    ...(checksum && { checksum }),
    metadata: Object.freeze({ ...output.Metadata }),
  };
}

/**
 * A checksum of all bytes: one that the writer gave, else the ETag where that is their MD5. It is not for objects that were uploaded in parts (their
 * ETag ends with the number of parts), nor for those that are encrypted under a key of KMS or of the customer.
 */
function checksumOf(output: S3HeadOutput, isWhole: boolean): ObjectChecksum | undefined {
  if (isWhole && output.ChecksumType !== 'COMPOSITE') {
    const given = [
      ['sha256', output.ChecksumSHA256],
      ['sha1', output.ChecksumSHA1],
      ['crc32', output.ChecksumCRC32],
    ] as const;
    for (const [algorithm, base64] of given) {
      // A checksum of checksums ends with the number of parts, also where the type is not said.
      if (base64 !== undefined && !base64.includes('-'))
        return { algorithm, hex: Buffer.from(base64, 'base64').toString('hex') };
    }
  }
  const isEncrypted =
    output.SSECustomerAlgorithm !== undefined || output.ServerSideEncryption?.startsWith('aws:kms') === true;
  const md5 = isEncrypted ? undefined : md5Of(output.ETag);
  return md5 === undefined ? undefined : { algorithm: 'md5', hex: md5 };
}

/** The MD5 that an ETag is, where it looks like one. */
export function md5Of(etag: string | undefined): string | undefined {
  return /^"([0-9a-f]{32})"$/.exec(etag ?? '')?.[1];
}
