// The schemes of the URLs of a store: the one list. What opens each is in queue/connect.ts, where the compiler asks
// for it; the command line tells by it what is no directory, and a message what may have a secret in it.

/** Of servers: written `zk://`, and what stands before an `@` may be a secret. */
export const SERVER_SCHEMES = ['zk', 'zks'] as const
const SCHEMES = ['local', ...SERVER_SCHEMES] as const

export type Scheme = (typeof SCHEMES)[number]

/** The one that a text begins with, in capitals or not. Undefined: it is a directory, or nothing that we know. */
export function schemeOf(text: string): Scheme | undefined {
  const word = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase()
  return SCHEMES.find((scheme) => scheme === word)
}

/** Whether a text is the URL of a server. */
export function isOfServer(text: string): boolean {
  return SERVER_SCHEMES.some((scheme) => scheme === schemeOf(text))
}
