// Addresses of the internet: what they are however they are written, and sets of them.

import { BlockList, isIP } from 'node:net'
import { describeValue } from '../util/check-options'

const LOOPBACK = ['127.0.0.0/8', '::1']

/** A set of addresses; IPv4 addresses in IPv6 clothes count as what they are. */
export class AddressSet {
  /** One for each family: Node takes an IPv4 address for one of `::/0`. */
  readonly #lists = { ipv4: new BlockList(), ipv6: new BlockList() }

  /** @param entries addresses, CIDR blocks, or `loopback`; `option` names them in errors */
  constructor(entries: readonly string[], option: string) {
    for (const entry of entries.flatMap((one) => (one === 'loopback' ? LOOPBACK : [one]))) {
      if (!this.#add(entry)) {
        throw new RangeError(
          `Expected option '${option}' to hold addresses like '10.1.2.3', '10.0.0.0/8', 'fd00::/8' or 'loopback', got ${describeValue(entry)}`,
        )
      }
    }
  }

  has(address: string): boolean {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    return this.#lists[family].check(address, family)
  }

  #add(entry: string): boolean {
    const [, written, bits] = /^([^/]+?)(?:\/(\d{1,3}))?$/.exec(entry) ?? []
    const address = written === undefined ? undefined : plainAddress(written)
    if (address === undefined) return false
    const isV4 = isIP(address) === 4
    // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
    const shift = isV4 && isIP(written!) === 6 ? 96 : 0
    const most = isV4 ? 32 : 128
    const prefix = bits === undefined ? most : Number(bits) - shift
    if (prefix < 0 || prefix > most) return false
    const family = isV4 ? 'ipv4' : 'ipv6'
    this.#lists[family].addSubnet(address, prefix, family)
    return true
  }
}

/** An address without zone, an IPv4 one out of its IPv6 clothes; undefined when it is none. */
export function plainAddress(text: string): string | undefined {
  if (isIP(text) === 4) return text
  const address = text.replace(/%.*$/, '')
  if (isIP(address) !== 6) return undefined
  // The URL parser writes every IPv6 address in one way.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical) ?? []
  if (high === undefined || low === undefined) return canonical
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [a >> 8, a & 255, b >> 8, b & 255].join('.')
}
