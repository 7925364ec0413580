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

/** Records of Redis, the primary store: JSON under these keys, as they stand. A public key is compressed, in base64. */
export const publicKeyOfUsername = defineKey('username:{username}:public_key', { codec: json<string>() });
export const usernameOf = defineKey('public_key:{publicKey}:username', { codec: json<string>() });
export const ownedFiles = defineKey('public_key:{publicKey}:owned_files', {
  holds: 'the ids of all files of an account. Whoever changes one of them watches this',
  codec: json<readonly string[]>(),
});
export const dataCap = defineKey('public_key:{publicKey}:data_cap', {
  holds: 'how many bytes an account may store',
  codec: json<number>(),
});
export const fileMetadata = defineKey('file_id:{id}:metadata', { codec: json<FileMetadata>() });
export const fileSize = defineKey('file_id:{id}:size', { codec: json<FileUsage>() });
export const stripeUserInfo = defineKey('public_key:{publicKey}:stripe_user_info', { codec: json<StripeUserInfo>() });
export const publicKeyOfCustomer = defineKey('stripe_customer_id:{customerId}:public_key', { codec: json<string>() });

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
