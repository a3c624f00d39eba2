// What a status page can be told, and the checks of it.

import type { WatchdogQueue } from '../queue/watchdog-queue'
import { checkOptions, describeValue, optionalBoolean, optionalInteger } from '../util/check-options'
import type { AccessRules } from './access'
import type { Queues } from './queue-feed'

/** What `statusHandler()` and `fleetHandler()` take. */
export interface StatusHandlerOptions {
  /**
   * The clients that may look, by address: `'10.1.2.3'`, `'10.0.0.0/8'`, `'fd00::/8'`, or `'loopback'`. Replaces the
   * default; an empty list leaves the token alone.
   *
   * @default ['loopback'], with a `token` []
   */
  allow?: readonly string[]
  /**
   * A secret that lets a client look: sent as `Authorization: Bearer`, as the password of Basic authentication, or once as `?token=`, which a browser then
   * keeps as a cookie. Use 128 random bits or more.
   *
   * @default none
   */
  token?: string
  /**
   * The names under which browsers reach this server when an address alone opens the page. Addresses and
   * `localhost` are always good; another name could be anybody's (DNS rebinding).
   *
   * @default none
   */
  hosts?: readonly string[]
  /**
   * The proxies whose `X-Forwarded-For` is believed, like `allow`; `true` is those on this machine. Left out,
   * a request through a proxy is nobody's and needs the token.
   *
   * @default false
   */
  trustProxy?: boolean | readonly string[]
  /** Queues to show, by the names to show. */
  queues?: Readonly<Record<string, WatchdogQueue<never> | WatchdogQueue>>
  /**
   * A living worker whose event loop has not turned for longer counts as blocked, in milliseconds.
   *
   * @default three of its heartbeats
   */
  blockedAfterMs?: number
  /**
   * A living worker without a heart that is silent for longer counts as stale, in milliseconds; a server that waits for
   * requests never does.
   *
   * @default 10000
   */
  staleAfterMs?: number
  /**
   * The least time between two changes sent to an open page, in milliseconds, 50 to 60000.
   *
   * @default 1000
   */
  intervalMs?: number
  /** How many pages may be open at once, 0 to 100000. @default 1000 */
  maxPages?: number
  /** What the page is called. @default the name of the board's directory, or of the fleet */
  title?: string
}

export interface CheckedHandlerOptions {
  rules: AccessRules
  queues: Queues
  staleMs: number
  blockedMs: number | undefined
  intervalMs: number
  maxPages: number
  title: string | undefined
}

const KNOWN = [
  'allow',
  'token',
  'hosts',
  'trustProxy',
  'queues',
  'staleAfterMs',
  'blockedAfterMs',
  'intervalMs',
  'maxPages',
  'title',
]
const MAX_MS = 2 ** 31 - 1

/** @param maker whose options they are: `statusHandler()` */
export function checkHandlerOptions(options: StatusHandlerOptions, maker: string): CheckedHandlerOptions {
  checkOptions(options, KNOWN, `the options of ${maker}`)
  const token = optionalString(options.token, 'token')
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new RangeError(
      "Expected option 'token' to be printable ASCII without spaces, at least one character",
    )
  }
  return {
    rules: {
      allow: optionalStrings(options.allow, 'allow'),
      token,
      hosts: optionalStrings(options.hosts, 'hosts'),
      trustProxy: checkTrustProxy(options.trustProxy),
    },
    queues: checkQueues(options.queues),
    staleMs: optionalInteger(options.staleAfterMs, 'staleAfterMs', 1, MAX_MS) ?? 10_000,
    blockedMs: optionalInteger(options.blockedAfterMs, 'blockedAfterMs', 1, MAX_MS),
    intervalMs: optionalInteger(options.intervalMs, 'intervalMs', 50, 60_000) ?? 1000,
    maxPages: optionalInteger(options.maxPages, 'maxPages', 0, 100_000) ?? 1000,
    title: optionalString(options.title, 'title'),
  }
}

function checkTrustProxy(value: unknown): readonly string[] | undefined {
  if (Array.isArray(value)) return optionalStrings(value, 'trustProxy')
  return optionalBoolean(value, 'trustProxy') ? ['loopback'] : undefined
}

function checkQueues(value: unknown): Queues {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(
      `Expected option 'queues' to be an object of queues by name, got ${describeValue(value)}`,
    )
  }
  for (const [name, queue] of Object.entries(value)) {
    if (typeof queue?.counts === 'function' && typeof queue.getTimers === 'function') continue
    throw new TypeError(
      `Expected '${name}' in option 'queues' to be a WatchdogQueue, got ${describeValue(queue)}`,
    )
  }
  return value as Queues
}

function optionalString(value: unknown, name: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  // Its value is not shown: it may be a secret.
  throw new TypeError(`Expected option '${name}' to be a string, got a ${typeof value}`)
}

function optionalStrings(value: unknown, name: string): readonly string[] | undefined {
  if (value === undefined) return undefined
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  throw new TypeError(`Expected option '${name}' to be a list of strings, got ${describeValue(value)}`)
}
