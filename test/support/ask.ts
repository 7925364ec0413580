/** What a client was answered. */
export interface Asked {
  readonly status: number;
  readonly header: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Asks as a client without any cache of its own. */
export async function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Asked> {
  const response = await fetch(url, { headers, method });
  const text = await response.text();
  return { status: response.status, header: Object.fromEntries(response.headers), text };
}
