// Secrets that stand where they were not asked for: they are not to be repeated in a message, which ends in a log.

import { SERVER_SCHEMES } from './schemes'

const OF_SERVER = new RegExp(`(\\b(?:${SERVER_SCHEMES.join('|')}):\\/*)[^\\s']*@`, 'gi')

/** A URL without what may be a user and a password in it. */
export function redactUrl(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/*).*@/is, '$1***@')
}

/** Words of a command line without the secrets among them. */
export function redactWords(text: string): string {
  return text.replace(/(--(?:auth|token)=)[^\s']+/g, '$1***').replace(OF_SERVER, '$1***@')
}
