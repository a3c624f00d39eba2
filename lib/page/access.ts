// Who may look. Unless told otherwise only this machine: a page on it shows paths, addresses and process
// ids, and one line of code puts it on a public server.
//
// An address proves nothing by itself in two cases, and then counts for nobody: when a proxy speaks for
// somebody else (all its clients would look like the proxy), and when a browser was led here under a name
// that is not ours (DNS rebinding: any web page could read this one through its visitors' browsers).

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { describeValue } from '../util/check-options'

export interface AccessRules {
  allow?: readonly string[]
  token?: string
  hosts?: readonly string[]
  trustProxy?: readonly string[]
}

export type Verdict =
  | { isAllowed: true; cookie?: string }
  | { isAllowed: false; statusCode: 401 | 403; reason: string }

const LOOPBACK = ['127.0.0.0/8', '::1']
const FORWARDED_HEADERS = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'x-forwarded-host', 'via'] as const

/** A set of addresses; IPv4 addresses in IPv6 clothes count as what they are. */
export class AddressSet {
  readonly #list = new BlockList()

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
    return this.#list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
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
    this.#list.addSubnet(address, prefix, isV4 ? 'ipv4' : 'ipv6')
    return true
  }
}

export class Access {
  readonly #allowed: AddressSet
  readonly #proxies: AddressSet | undefined
  readonly #hosts: ReadonlySet<string>
  readonly #tokenHash: Buffer | undefined
  readonly #cookieName: string
  readonly #cookieValue: string

  constructor({ allow, token, hosts, trustProxy }: AccessRules) {
    // Giving either replaces the default: who asks for a token asks it of everybody.
    this.#allowed = new AddressSet(allow ?? (token === undefined ? ['loopback'] : []), 'allow')
    this.#proxies = trustProxy && new AddressSet(trustProxy, 'trustProxy')
    this.#hosts = new Set(hosts?.map((host) => host.toLowerCase()))
    this.#tokenHash = token === undefined ? undefined : hashOf(token)
    // Not the token itself: a host's cookies are shown to whatever listens on its other ports.
    this.#cookieValue = hashOf(`rollcall cookie ${token}`).toString('base64url')
    this.#cookieName = `rollcall-${hashOf(`rollcall name ${token}`).toString('hex').slice(0, 8)}`
  }

  /** @param given the token that the address itself carries, if any */
  judge(request: IncomingMessage, given: string | null): Verdict {
    if (this.#tokenHash && this.#hasToken(request, given)) {
      return given === null ? { isAllowed: true } : { isAllowed: true, cookie: this.#cookie(request) }
    }
    const reason = this.#whyNot(request)
    if (reason === undefined) return { isAllowed: true }
    if (!this.#tokenHash) return { isAllowed: false, statusCode: 403, reason }
    return {
      isAllowed: false,
      statusCode: 401,
      reason: "A token is needed: 'Authorization: Bearer TOKEN', or ?token=TOKEN once in a browser.",
    }
  }

  #hasToken(request: IncomingMessage, given: string | null): boolean {
    const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
    for (const one of [given, bearer]) {
      // Equally long whatever was given, so the comparison tells nothing by its time.
      if (one !== null && one !== undefined && timingSafeEqual(hashOf(one), this.#tokenHash!)) return true
    }
    const cookies = (request.headers.cookie ?? '').split(';').map((cookie) => cookie.trim())
    const expected = hashOf(`${this.#cookieName}=${this.#cookieValue}`)
    return cookies.some((cookie) => timingSafeEqual(hashOf(cookie), expected))
  }

  #cookie(request: IncomingMessage): string {
    const secure = (request.socket as { encrypted?: boolean }).encrypted ? '; Secure' : ''
    return `${this.#cookieName}=${this.#cookieValue}; HttpOnly; SameSite=Lax${secure}`
  }

  #whyNot(request: IncomingMessage): string | undefined {
    const peer = plainAddress(request.socket.remoteAddress ?? '')
    if (peer === undefined) return 'The address of this connection is not known: only a token opens it.'
    const client = this.#client(request, peer)
    if (client === undefined) {
      return "This request came through a proxy, which may speak for anybody: set option 'trustProxy' to its address, or use a token."
    }
    if (!this.#allowed.has(client))
      return `The address ${client} may not look here: option 'allow' says who may.`
    const host = request.headers.host ?? (request.headers[':authority'] as string | undefined)
    if (host !== undefined && !this.#isOurs(host)) {
      return "The host that was asked for is not known here: option 'hosts' says under which names this server may be reached."
    }
    if (
      request.headers['sec-fetch-site'] === 'cross-site' &&
      request.headers['sec-fetch-mode'] !== 'navigate'
    ) {
      return 'Other sites may not read this.'
    }
    return undefined
  }

  /** Who asks; undefined where only a proxy knows, and it is not one that we believe. */
  #client(request: IncomingMessage, peer: string): string | undefined {
    if (!this.#proxies?.has(peer)) {
      return FORWARDED_HEADERS.some((name) => request.headers[name] !== undefined) ? undefined : peer
    }
    const header = request.headers['x-forwarded-for']
    if (header === undefined) return peer
    // Each proxy appends the address it was called from: from the right, the first that is no proxy of ours.
    const hops = String(header).split(',').reverse().map(hopAddress)
    return hops.find((hop) => hop === undefined || !this.#proxies!.has(hop)) ?? hops.at(-1)
  }

  /** An address can not be pointed elsewhere, a name can. */
  #isOurs(host: string): boolean {
    const name = host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
    if (isIP(name) === 4 || (name.startsWith('[') && isIP(name.slice(1, -1)) === 6)) return true
    return name === 'localhost' || name.endsWith('.localhost') || this.#hosts.has(name)
  }
}

/** An address without zone, an IPv4 one out of its IPv6 clothes; undefined when it is none. */
export function plainAddress(text: string): string | undefined {
  const address = text.replace(/%.*$/, '')
  if (isIP(address) === 4) return address
  if (isIP(address) !== 6) return undefined
  // The URL parser writes every IPv6 address in one way.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical) ?? []
  if (high === undefined || low === undefined) return canonical
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [a >> 8, a & 255, b >> 8, b & 255].join('.')
}

/** `10.1.2.3`, `10.1.2.3:4567`, `[fd00::1]:4567`, as proxies write them. */
function hopAddress(hop: string): string | undefined {
  const text = hop.trim()
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? []
  return plainAddress(bracketed ?? text.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1'))
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
