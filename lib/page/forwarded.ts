// Whom a request comes from that a proxy may have passed on. What a proxy says of its client is believed only of
// proxies that were named, and only where it cannot be the client's own words: a proxy that writes one of these
// headers passes on the others as its client sent them. So one is read, X-Forwarded-For, and whatever
// contradicts it, or cannot be read, makes the request nobody's. Pure functions.

import type { IncomingHttpHeaders } from 'node:http'
import { type AddressSet, plainAddress } from './addresses'

/** What proxies, load balancers and networks in front of servers add to a request, and clients do not. */
const ADDED =
  /^(x-)?forwarded|^via$|^x-real-ip$|^x-original-|client-?ip(v6)?$|^cf-|^cdn-|^fastly-|^fly-|^x-(envoy|azure|appengine|cluster|proxy|arr|amz-cf)-/

/** Those that name the client by one address. */
const NAMES_CLIENT =
  /^x-real-ip$|client-?ip(v6)?$|^cf-connecting-ip(v6)?$|^x-envoy-external-address$|user-?ip$/

/** Who asks; undefined where only a proxy knows, and it is not one that we believe, or not certain. */
export function clientOf(
  headers: IncomingHttpHeaders,
  peer: string,
  proxies: AddressSet | undefined,
): string | undefined {
  const added = Object.keys(headers).filter((name) => ADDED.test(name.replaceAll('_', '-')))
  if (added.length === 0) return peer
  const chain = headers['x-forwarded-for']
  if (chain === undefined || !proxies?.has(peer)) return undefined
  // Each proxy appends the address it was called from: from the right, the first that is no proxy of ours.
  const hops = String(chain).split(',').reverse().map(hopAddress)
  const at = hops.findIndex((hop) => hop === undefined || !proxies.has(hop))
  const client = hops.at(at)
  const isAgreed = added.every((name) => {
    const said = saidClient(name, String(headers[name]))
    return said === undefined || (said !== 'unreadable' && (said === client || said === hops[0]))
  })
  return isAgreed ? client : undefined
}

/** Whether the browser's own connection is encrypted, as a proxy says: who lies gets a cookie that is of no use. */
export function cameByTls(headers: IncomingHttpHeaders): boolean {
  const last = String(headers['x-forwarded-proto'] ?? '')
    .split(',')
    .at(-1)
  return /^https$/i.test(last!.trim()) || /(^|[;,])\s*proto="?https\b/i.test(headers.forwarded ?? '')
}

/** Whom another header than X-Forwarded-For names; undefined where it names nobody. */
function saidClient(name: string, value: string): string | undefined {
  if (NAMES_CLIENT.test(name)) return hopAddress(value) ?? 'unreadable'
  if (name !== 'forwarded') return undefined
  // The element that the last proxy has added.
  const [, quoted, plain] = /(?:^|;)\s*for=(?:"([^"]*)"|([^\s;]*))/i.exec(value.split(',').at(-1)!) ?? []
  return hopAddress(quoted ?? plain ?? '') ?? 'unreadable'
}

/** `10.1.2.3`, `10.1.2.3:4567`, `[fd00::1]:4567`, as proxies write them. */
function hopAddress(hop: string): string | undefined {
  const text = hop.trim()
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? []
  return plainAddress(bracketed ?? text.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1'))
}
