// Who may look. Unless told otherwise only this machine: a page on it shows paths, addresses and process
// ids, and one line of code puts it on a public server.
//
// An address proves nothing by itself in two cases, and then counts for nobody: when a proxy speaks for
// somebody else (all its clients would look like the proxy), and when a browser was led here under a name
// that is not ours (DNS rebinding: any web page could read this one through its visitors' browsers).

import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { IncomingMessage } from '../util/node-types'
import { AddressSet, plainAddress } from './addresses'
import { cameByTls, clientOf } from './forwarded'

export interface AccessRules {
  allow?: readonly string[]
  token?: string
  hosts?: readonly string[]
  trustProxy?: readonly string[]
}

export type Verdict =
  | { isAllowed: true; cookie?: string }
  | { isAllowed: false; statusCode: 401 | 403; reason: string }

export class Access {
  readonly #allowed: AddressSet
  readonly #proxies: AddressSet | undefined
  readonly #hosts: ReadonlySet<string>
  readonly #tokenHash: Buffer | undefined
  readonly #cookieName: string
  readonly #cookieValue: string

  constructor({ allow, token, hosts, trustProxy }: AccessRules) {
    // Giving either replaces the default: whoever asks for a token asks it of everybody.
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
      reason:
        "A token is needed: 'Authorization: Bearer TOKEN', as the password of Basic authentication, or ?token=TOKEN once in a browser.",
    }
  }

  /** Whether there is a token, and this client has it: for what an address alone does not open. */
  bearsToken(request: IncomingMessage, given: string | null): boolean {
    return this.#tokenHash !== undefined && this.#hasToken(request, given)
  }

  #hasToken(request: IncomingMessage, given: string | null): boolean {
    const { authorization = '' } = request.headers
    const bearer = /^Bearer +(\S+) *$/i.exec(authorization)?.[1]
    for (const one of [given, bearer, basicPassword(authorization)]) {
      // Equally long whatever was given, so the comparison tells nothing by its time.
      if (one !== null && one !== undefined && timingSafeEqual(hashOf(one), this.#tokenHash!)) return true
    }
    // One value is looked at: a request may bring thousands of cookies.
    const value = cookieNamed(request.headers.cookie ?? '', this.#cookieName)
    return value !== undefined && timingSafeEqual(hashOf(value), hashOf(this.#cookieValue))
  }

  #cookie(request: IncomingMessage): string {
    const isSecure = (request.socket as { encrypted?: boolean }).encrypted || cameByTls(request.headers)
    const secure = isSecure ? '; Secure' : ''
    return `${this.#cookieName}=${this.#cookieValue}; HttpOnly; SameSite=Lax${secure}`
  }

  #whyNot(request: IncomingMessage): string | undefined {
    const peer = plainAddress(request.socket.remoteAddress ?? '')
    if (peer === undefined) return 'The address of this connection is not known: only a token opens it.'
    const client = clientOf(request.headers, peer, this.#proxies)
    if (client === undefined) {
      return "This request came through a proxy, and for whom it speaks is not certain: set option 'trustProxy' (rollcall serve --trust-proxy) to the proxy's address, let it send X-Forwarded-For alone, or use a token."
    }
    if (!this.#allowed.has(client))
      return `The address ${client} may not look here: option 'allow' (rollcall serve --allow) says who may.`
    const host = request.headers.host ?? (request.headers[':authority'] as string | undefined)
    if (host !== undefined && !this.#isOurs(host)) {
      return "The host that was asked for is not known here: option 'hosts' (rollcall serve --name) says under which names this server may be reached."
    }
    if (
      request.headers['sec-fetch-site'] === 'cross-site' &&
      request.headers['sec-fetch-mode'] !== 'navigate'
    ) {
      return 'Other sites may not read this.'
    }
    return undefined
  }

  /** An address can not be pointed elsewhere, a name can. */
  #isOurs(host: string): boolean {
    const name = host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
    if (isIP(name) === 4 || (name.startsWith('[') && isIP(name.slice(1, -1)) === 6)) return true
    return name === 'localhost' || name.endsWith('.localhost') || this.#hosts.has(name)
  }
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** For scrapers that know nothing else: the token as the password, whatever the name. */
function basicPassword(authorization: string): string | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=]+) *$/i.exec(authorization) ?? []
  if (encoded === undefined) return undefined
  const pair = Buffer.from(encoded, 'base64').toString()
  const at = pair.indexOf(':')
  return at < 0 ? undefined : pair.slice(at + 1)
}

/** The value of the first cookie of that name. */
function cookieNamed(header: string, name: string): string | undefined {
  for (const cookie of header.split(';')) {
    const text = cookie.trim()
    if (text.startsWith(`${name}=`)) return text.slice(name.length + 1)
  }
  return undefined
}
