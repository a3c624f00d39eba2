// The connection of one handle to ZooKeeper, over as many sessions as it takes: when a session is
// lost, the next one is opened by itself. Requests that a dead connection left open come back as
// 'interrupted', after the connection is up again, for the store to resolve.

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { WatchdogError } from '../../../util/errors'
import type { StoreEvent } from '../store'
import { type ClientThread, chooseClientThread } from './client-thread'
import {
  type ConnectionOptions,
  INVALID_STATE,
  isDefinite,
  RETRY_MS,
  type Reply,
  type Request,
  type Session,
  type SessionConfig,
  type SessionEvent,
} from './protocol'

/** The session's authentication was refused for good. */
const AUTH_FAILED_STATE = -113

export type CallOutcome = { kind: 'reply'; reply: Reply } | { kind: 'interrupted'; lost: boolean }

/**
 * The client steps through its list by two after each failure, and pauses when it stands at the
 * end: with one server it does so after every cut (for up to a third of the session), with an even
 * number never, and spins while all are down. An odd number of at least three does neither.
 */
function oddList(hosts: readonly string[]): string[] {
  const copies = hosts.length === 1 ? 2 : 1 - (hosts.length % 2)
  return [...hosts, ...Array.from({ length: copies }, () => hosts[0]!)]
}

/** `ip:port,...`. The client resolves names itself, but blocks meanwhile and never says that one is unknown. */
async function resolveHosts(options: ConnectionOptions): Promise<string> {
  const results = await Promise.allSettled(
    options.address.hosts.map(async ({ host, port }) => {
      const ip = isIP(host) ? host : (await lookup(host, { verbatim: false })).address
      return isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`
    }),
  )
  const found = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  if (found.length > 0) return oddList(found).join(',')
  const names = options.address.hosts.map(({ host }) => host).join(', ')
  const cause = (results[0] as PromiseRejectedResult).reason
  throw new WatchdogError(
    'ERR_UNREACHABLE',
    `Cannot find the address of ${names} for ${options.url}: ${cause.message}`,
    { cause },
  )
}

export class ZookeeperConnection {
  readonly #options: ConnectionOptions
  readonly home: ClientThread
  readonly #waiters = new Set<() => void>()
  #session: Session | undefined
  /** Tells events of the session at hand from those of its predecessors. */
  #generation = 0
  #state: 'connecting' | 'connected' | 'closed' = 'connecting'
  /** Whether the session at hand has ever been connected. */
  #isEstablished = false
  #closing = false
  #fatal: Error | undefined
  /** Why there is no session to wait for, where that is known. */
  #trouble: Error | undefined
  #renewal: NodeJS.Timeout | undefined
  credentials: { id: string; password: string } | undefined
  sessionTimeoutMs: number
  onEvent: (event: StoreEvent) => void = () => {}
  onWatch: (event: Extract<SessionEvent, { type: 'watch' }>) => void = () => {}

  private constructor(options: ConnectionOptions) {
    this.#options = options
    this.home = chooseClientThread(options.heartbeat)
    this.sessionTimeoutMs = options.sessionTimeoutMs
  }

  static async connect(options: ConnectionOptions): Promise<ZookeeperConnection> {
    options.signal?.throwIfAborted()
    const link = new ZookeeperConnection(options)
    try {
      const abandoned = new AbortController()
      const work = resolveHosts(options).then((connect) => {
        if (!abandoned.signal.aborted) link.#start(connect, options.session)
        return link.#untilConnected(options.connectTimeoutMs)
      })
      await Promise.race([
        work,
        aborted(options.signal, abandoned.signal),
        late(options, abandoned.signal),
      ]).finally(() => {
        abandoned.abort()
        work.catch(() => {})
      })
    } catch (error) {
      await link.close()
      throw error
    }
    return link
  }

  get connected(): boolean {
    return this.#state === 'connected'
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  #start(connect: string, session?: { id: string; password: string }): void {
    const generation = ++this.#generation
    const config: SessionConfig = { connect, timeoutMs: this.#options.sessionTimeoutMs }
    if (session) config.session = session
    if (this.#options.auth) config.auth = this.#options.auth
    this.#isEstablished = false
    try {
      this.#session = this.home.openSession(config, (event) => {
        if (generation === this.#generation) this.#receive(event)
      })
    } catch (error) {
      this.#ended(INVALID_STATE, error as Error)
    }
  }

  #receive(event: SessionEvent): void {
    if (event.type === 'watch') {
      this.onWatch(event)
    } else if (event.type === 'connected') {
      const again = this.credentials !== undefined
      // After a broken write the client may report the new connection before the end of the old one.
      if (this.#state === 'connected') this.onEvent('suspended')
      this.credentials = { id: event.id, password: event.password }
      this.sessionTimeoutMs = event.timeoutMs
      this.#state = 'connected'
      this.#isEstablished = true
      this.#trouble = undefined
      this.#wake()
      if (again) this.onEvent('resumed')
    } else if (event.type === 'connecting') {
      if (this.#state !== 'connected') return
      this.#state = 'connecting'
      this.onEvent('suspended')
    } else {
      this.#ended(event.code, event.error)
    }
  }

  #ended(code: number, error?: Error): void {
    this.#session = undefined
    if (this.#closing || this.#state === 'closed') return
    const { url, session } = this.#options
    if (code === AUTH_FAILED_STATE) {
      this.#giveUp(new WatchdogError('ERR_AUTH', `The server refused the authentication for ${url}`))
    } else if (this.credentials === undefined && error !== undefined) {
      this.#giveUp(error)
    } else if (this.credentials === undefined && session !== undefined) {
      const why = `The session ${session.id} that was to be taken over has ended, or its password is wrong`
      this.#giveUp(new WatchdogError('ERR_SESSION_LOST', why, { retryable: false }))
    } else {
      this.#state = 'connecting'
      if (this.#isEstablished) {
        this.onEvent('lost')
        this.#renew()
      } else {
        this.#renewLater(error)
      }
    }
  }

  #giveUp(error: Error): void {
    this.#fatal = error
    this.#state = 'closed'
    this.#wake()
  }

  #renew(): void {
    resolveHosts(this.#options).then(
      (connect) => {
        if (!this.#closing) this.#start(connect)
      },
      (error) => this.#renewLater(error),
    )
  }

  /** What ended before it began would most likely do so again at once. */
  #renewLater(trouble: Error | undefined): void {
    this.#trouble = trouble
    if (!this.#closing) this.#renewal = setTimeout(() => this.#renew(), RETRY_MS)
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake()
  }

  #closedError(): Error {
    return this.#fatal ?? new WatchdogError('ERR_CLOSED', `The connection to ${this.#options.url} is closed`)
  }

  /** Resolves once there is a connection; rejects when it took longer, or when the link is closed. */
  #untilConnected(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (this.#state === 'connecting') return
        clearTimeout(timer)
        this.#waiters.delete(check)
        if (this.#state === 'connected') resolve()
        else reject(this.#closedError())
      }
      const timer = setTimeout(() => {
        this.#waiters.delete(check)
        const cause = this.#trouble
        const why = `${this.#options.url} did not answer within ${timeoutMs} ms${cause ? `: ${cause.message}` : ''}`
        reject(new WatchdogError(this.credentials ? 'ERR_CONNECTION' : 'ERR_UNREACHABLE', why, { cause }))
      }, timeoutMs)
      this.#waiters.add(check)
      check()
    })
  }

  /** How long a call waits for a connection that is down. */
  get #patienceMs(): number {
    return Math.max(this.#options.connectTimeoutMs, 2 * this.sessionTimeoutMs)
  }

  /**
   * Sends one request. An interruption is told once there is a connection again: `lost` when it ended
   * the session too. Rejects with ERR_CONNECTION when there was none for too long.
   */
  async call(request: Request): Promise<CallOutcome> {
    await this.#untilConnected(this.#patienceMs)
    const generation = this.#generation
    const reply = await this.#session!.call(request)
    if (isDefinite(reply)) return { kind: 'reply', reply }
    if (this.#state === 'connected' && generation === this.#generation) {
      // Answered before the event that tells of it: let that come first.
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await this.#untilConnected(this.#patienceMs)
    return { kind: 'interrupted', lost: generation !== this.#generation }
  }

  /** The session at hand, to tell whether something was done in an earlier one. */
  get generation(): number {
    return this.#generation
  }

  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    clearTimeout(this.#renewal)
    await this.#session?.close()
    this.#state = 'closed'
    this.#generation++
    this.#wake()
  }
}

function aborted(signal: AbortSignal | undefined, done: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true, signal: done }),
  )
}

/** Bounds the look-up of names, which has no time-out of its own. */
function late(options: ConnectionOptions, done: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(() => {
      reject(
        new WatchdogError(
          'ERR_UNREACHABLE',
          `${options.url} did not answer within ${options.connectTimeoutMs} ms`,
        ),
      )
    }, options.connectTimeoutMs)
    done.addEventListener('abort', () => clearTimeout(timer), { once: true })
  })
}
