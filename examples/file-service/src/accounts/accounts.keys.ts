import { defineKey, json } from 'nestjs-tiered-cache';

/** What is known of a file without its content. */
export interface FileMetadata {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  /** The id of the document that holds its content. */
  readonly document: string;
}

export interface FileUsage {
  readonly file_id: string;
  readonly size_bytes: number;
}

export interface StripeUserInfo {
  readonly customer_id: string;
  readonly price_id: string;
  readonly last_four: string;
}

/**
 * Records of Redis, the primary store: JSON under these keys, as they stand. A public key is compressed, in base64. The catalogue of the whole
 * application, in examples/key-catalogue, takes them from here: a record has one definition, and it lies with the service that writes it.
 */
export const publicKeyOfUsername = defineKey('username:{username}:public_key', {
  holds: 'the public key of the account with this name',
  owner: 'accounts/accounts.service',
  codec: json<string>(),
});
export const usernameOf = defineKey('public_key:{publicKey}:username', {
  holds: 'the name of the account with this key',
  owner: 'accounts/accounts.service',
  codec: json<string>(),
});
export const ownedFiles = defineKey('public_key:{publicKey}:owned_files', {
  holds: 'the ids of all files of an account. Whoever changes one of them watches this',
  owner: 'accounts/documents.service',
  codec: json<readonly string[]>(),
});
export const dataCap = defineKey('public_key:{publicKey}:data_cap', {
  holds: 'how many bytes an account may store',
  owner: 'accounts/accounts.service',
  codec: json<number>(),
});
export const fileMetadata = defineKey('file_id:{id}:metadata', {
  holds: 'what a file is called, whose it is, and which document holds its content',
  owner: 'accounts/documents.service',
  codec: json<FileMetadata>(),
});
export const fileSize = defineKey('file_id:{id}:size', {
  holds: 'how many bytes a file takes of the cap of its owner',
  owner: 'accounts/documents.service',
  codec: json<FileUsage>(),
});
export const stripeUserInfo = defineKey('public_key:{publicKey}:stripe_user_info', {
  holds: 'what is known of the account as a customer of Stripe',
  owner: 'accounts/accounts.service',
  codec: json<StripeUserInfo>(),
});
export const publicKeyOfCustomer = defineKey('stripe_customer_id:{customerId}:public_key', {
  holds: 'the public key of the account of a customer of Stripe',
  owner: 'accounts/accounts.service',
  codec: json<string>(),
});

export const accountKeys = [
  publicKeyOfUsername,
  usernameOf,
  ownedFiles,
  dataCap,
  fileMetadata,
  fileSize,
  stripeUserInfo,
  publicKeyOfCustomer,
];
