import { Catalogue, defineKey, json } from 'nestjs-tiered-cache';

/**
 * The records of a file service that keeps everything in Redis: `redisRecords({ connection, keys: recordClasses })`. Their keys stand there literally,
 * so a catalogue of their own holds them: no version and no namespace of the cache is put in front.
 */

/** Username to public key, which is compressed and in base64. */
export const publicKeyOf = defineKey('username:{username}:public_key', {
  holds: 'the public key of the account with this name',
  owner: 'accounts',
  codec: json<string>(),
});

export const usernameOf = defineKey('public_key:{publicKey}:username', {
  holds: 'the name of the account with this key',
  owner: 'accounts',
  codec: json<string>(),
});

export const ownedFiles = defineKey('public_key:{publicKey}:owned_files', {
  holds: 'the files that the account owns; whoever reads it in a transaction has, in effect, locked all of them',
  owner: 'accounts',
  codec: json<readonly string[]>(),
});

export const dataCap = defineKey('public_key:{publicKey}:data_cap', {
  holds: 'how many bytes the account may store',
  owner: 'accounts',
  codec: json<number>(),
});

export interface FileMetadata {
  readonly owner: string;
  readonly name: string;
  readonly version: number;
}

export const fileMetadata = defineKey('file_id:{id}:metadata', {
  holds: 'what a file is called and whose it is',
  owner: 'files',
  codec: json<FileMetadata>(),
});

export interface FileUsage {
  readonly file_id: string;
  readonly size_bytes: number;
}

export const fileSize = defineKey('file_id:{id}:size', {
  holds: 'how many bytes a file takes of its owner’s cap',
  owner: 'files',
  codec: json<FileUsage>(),
});

export interface StripeUserInfo {
  readonly customer_id: string;
  readonly subscribed: boolean;
}

export const stripeUserInfo = defineKey('public_key:{publicKey}:stripe_user_info', {
  holds: 'what billing knows of the account',
  owner: 'billing',
  codec: json<StripeUserInfo>(),
});

export const stripeCustomer = defineKey('stripe_customer_id:{customerId}:public_key', {
  holds: 'the account of a customer of Stripe',
  owner: 'billing',
  codec: json<string>(),
});

export const recordClasses = [
  publicKeyOf,
  usernameOf,
  ownedFiles,
  dataCap,
  fileMetadata,
  fileSize,
  stripeUserInfo,
  stripeCustomer,
];

/** Two patterns that could meet would stop the application here. */
export const records = new Catalogue(recordClasses);
