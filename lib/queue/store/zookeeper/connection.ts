// The connection of one handle to ZooKeeper, over as many sessions as it takes: when a session is
// lost, the next one is opened by itself. Requests that a dead connection left open come back as
// 'interrupted', after the connection is up again, for the store to resolve.

import { WatchdogError } from '../../../util/errors'
import { abortable } from '../../../util/wait'
import type { StoreEvent } from '../store'
import {
  type ConnectionOptions,
  INVALID_STATE,
  isDefinite,
  type OpenSession,
  RETRY_MS,
  type Reply,
  type Request,
  type Session,
  type SessionConfig,
  type SessionEvent,
  type Trouble,
} from './protocol'

/** The session's authentication was refused for good. */
const AUTH_FAILED_STATE = -113

export type CallOutcome = { kind: 'reply'; reply: Reply } | { kind: 'interrupted'; lost: boolean }

export class ZookeeperConnection {
  readonly #options: ConnectionOptions
  readonly #openSession: OpenSession
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
  #trouble: Trouble | undefined
  #renewal: NodeJS.Timeout | undefined
  credentials: { id: string; password: string } | undefined
  sessionTimeoutMs: number
  onEvent: (event: StoreEvent) => void = () => {}
  onWatch: (event: Extract<SessionEvent, { type: 'watch' }>) => void = () => {}

  private constructor(options: ConnectionOptions, openSession: OpenSession) {
    this.#options = options
    this.#openSession = openSession
    this.sessionTimeoutMs = options.sessionTimeoutMs
  }

  /** @param openSession where the sessions live: in this thread, or in another */
  static async connect(options: ConnectionOptions, openSession: OpenSession): Promise<ZookeeperConnection> {
    options.signal?.throwIfAborted()
    const link = new ZookeeperConnection(options, openSession)
    try {
      link.#start(options.session)
      await abortable(link.#untilConnected(options.connectTimeoutMs), options.signal)
    } catch (error) {
      await link.close()
      throw error
    }
    return link
  }

  get connected(): boolean {
    return this.#state === 'connected'
  }

  #start(session?: { id: string; password: string }): void {
    const generation = ++this.#generation
    const { address, sessionTimeoutMs, auth, tls } = this.#options
    const config: SessionConfig = { hosts: address.hosts, timeoutMs: sessionTimeoutMs, session, auth, tls }
    this.#isEstablished = false
    try {
      this.#session = this.#openSession(config, (event) => {
        if (generation === this.#generation) this.#receive(event)
      })
    } catch (error) {
      this.#ended(INVALID_STATE, error as Error)
    }
  }

  #receive(event: SessionEvent): void {
    if (this.#closing) return
    if (event.type === 'watch') {
      this.onWatch(event)
    } else if (event.type === 'connected') {
      this.#connected(event)
    } else if (event.type === 'suspended') {
      // What comes now waits: what is sent into silence would come back as a doubt.
      this.#state = 'connecting'
      this.onEvent('suspended')
    } else if (event.type === 'resumed') {
      this.#resume()
    } else if (event.type === 'trouble') {
      this.#troubled(event.trouble)
    } else {
      this.#ended(event.code, event.error)
    }
  }

  #connected({ id, password, timeoutMs }: Extract<SessionEvent, { type: 'connected' }>): void {
    const again = this.credentials !== undefined
    this.credentials = { id, password }
    this.sessionTimeoutMs = timeoutMs
    this.#isEstablished = true
    this.#trouble = undefined
    this.#resume(again)
  }

  #resume(tell = true): void {
    this.#state = 'connected'
    this.#wake()
    if (tell) this.onEvent('resumed')
  }

  #troubled(trouble: Trouble): void {
    this.#trouble = trouble
    if (this.credentials !== undefined || !trouble.isFinal) return
    this.#giveUp(
      new WatchdogError(trouble.code, `Cannot connect to ${this.#options.url}: ${trouble.message}`),
    )
  }

  #ended(code: number, error?: Error): void {
    this.#session = undefined
    if (this.#state === 'closed') return
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
        this.#start()
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

  /** What ended before it began would most likely do so again at once. */
  #renewLater(error: Error | undefined): void {
    if (error) this.#trouble = { code: 'ERR_CONNECTION', message: error.message, isFinal: false }
    this.#renewal = setTimeout(() => this.#start(), RETRY_MS)
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
        const trouble = this.#trouble
        const why = `${this.#options.url} did not answer within ${timeoutMs} ms${trouble ? `: ${trouble.message}` : ''}`
        const first = trouble?.code === 'ERR_TLS' ? 'ERR_TLS' : 'ERR_UNREACHABLE'
        reject(new WatchdogError(this.credentials ? 'ERR_CONNECTION' : first, why))
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
    await this.#untilConnected(this.#patienceMs)
    return { kind: 'interrupted', lost: generation !== this.#generation }
  }

  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    clearTimeout(this.#renewal)
    // What is in flight may still be answered; nothing new begins.
    this.#state = 'closed'
    this.#wake()
    await this.#session?.close()
    this.#generation++
  }
}
