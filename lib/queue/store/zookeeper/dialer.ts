// Finds a server that takes the session: one address after the other, in random order, each for a limited time; after
// a round without success the names are resolved anew. Goes on for ever: how long to wait is for others to say.

import { setTimeout as delay } from 'node:timers/promises'
import { getSystemErrorName } from 'node:util'
import type { NativeSession } from '../../../binding'
import type { SessionConfig, Trouble } from './protocol'
import { type Server, Servers, textOf } from './servers'
import { speaksTls, TlsClient, type Tunnel } from './tls'

/**
 * A server is given this at least, in milliseconds, however short the session, and at first no more: one that starts
 * while hundreds of clients ask for it leaves some connections without an answer for ever.
 */
const LEAST_ATTEMPT_MS = 1000
const LONGEST_PAUSE_MS = 1000
const SHORTEST_PAUSE_MS = 50

/**
 * Between two rounds of tries, the first of them 0: short at first, since most servers that went come back at once, and
 * at random, since many clients lose a server at the same moment.
 */
export function pauseMs(round: number, timeoutMs: number, random = Math.random): number {
  const longest = Math.min(Math.max(timeoutMs / 20, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS)
  return Math.min(longest, SHORTEST_PAUSE_MS * 2 ** round) * (0.5 + random())
}

interface Attempt {
  readonly server: Server
  readonly settle: (trouble: Trouble | undefined) => void
}

export class Dialer {
  readonly #native: NativeSession
  readonly #servers: Servers
  readonly #hosts: number
  readonly #timeoutMs: number
  readonly #tls: TlsClient | undefined
  readonly #tell: (trouble: Trouble) => void
  readonly #stopped = new AbortController()
  /** Whether a connection was lost since the last try began. */
  #isWanted = false
  #isDialing = false
  /** How many tries in a row had no answer. */
  #unanswered = 0
  #attempt: Attempt | undefined
  #tunnel: Tunnel | undefined
  /** Whether a server has ever answered: then what ends a connection early is no mistake of the user's. */
  #hasAnswered = false
  #last: Server | undefined
  /** When the question was sent that is answered next, or was last. */
  dialedAt = 0

  /** @param tell what is wrong, after each round in which no server took the session */
  constructor(native: NativeSession, config: SessionConfig, tell: (trouble: Trouble) => void) {
    this.#native = native
    this.#hosts = config.hosts.length
    this.#timeoutMs = config.timeoutMs
    this.#servers = new Servers(config.hosts, config.timeoutMs / 6)
    this.#tls = config.tls && new TlsClient(config.tls)
    this.#tell = tell
  }

  /** Resolves when a server has answered, or after `stop()`. While it is at work already, that goes on. */
  async dial(): Promise<void> {
    this.#isWanted = true
    if (this.#isDialing) return
    this.#isDialing = true
    try {
      while (this.#isWanted && !this.#stopped.signal.aborted) await this.#dialOnce()
    } finally {
      this.#isDialing = false
    }
  }

  /** Until a server has answered. */
  async #dialOnce(): Promise<void> {
    const { signal } = this.#stopped
    for (let round = 0; !signal.aborted; round++) {
      const { servers, failures, isFinal } = await this.#servers.resolve()
      const troubles = failures.map((message): Trouble => ({ code: 'ERR_UNREACHABLE', message, isFinal }))
      for (const server of this.#inOrder(servers)) {
        if (signal.aborted) return
        // Of a connection that was lost before this try nothing more is to be feared.
        this.#isWanted = false
        const trouble = await this.#try(server)
        if (trouble === undefined) return
        troubles.push(trouble)
      }
      if (signal.aborted) return
      this.#tell(summary(troubles))
      await delay(pauseMs(round, this.#timeoutMs), undefined, { signal, ref: true }).catch(() => {})
    }
  }

  /** The client's news: a server has taken the session. */
  answered(): void {
    this.#hasAnswered = true
    this.#unanswered = 0
    this.#last = this.#attempt?.server
    this.#attempt?.settle(undefined)
    this.#attempt = undefined
  }

  /** The client's news: its socket is gone. */
  ended(errno: number): void {
    const attempt = this.#attempt
    const tunnel = this.#tunnel
    this.hangUp()
    if (attempt === undefined) return
    this.#explain(attempt.server, errno, tunnel).then(attempt.settle)
  }

  /** No more tries. What carries the connection stays until that has ended. */
  stop(): void {
    this.#stopped.abort()
    this.#attempt?.settle(undefined)
  }

  /** Ends what carries a connection that the client has closed. */
  hangUp(): void {
    this.#tunnel?.destroy()
    this.#tunnel = undefined
  }

  /** Whoever was lost last comes last. */
  #inOrder(servers: Server[]): Server[] {
    const last = servers.findIndex(({ ip, port }) => ip === this.#last?.ip && port === this.#last.port)
    return last === -1 ? servers : [...servers.slice(last + 1), ...servers.slice(0, last + 1)]
  }

  async #try(server: Server): Promise<Trouble | undefined> {
    const longest = Math.max(LEAST_ATTEMPT_MS, this.#timeoutMs / Math.max(3, this.#hosts))
    const limitMs = Math.min(longest, LEAST_ATTEMPT_MS * 2 ** this.#unanswered)
    const late: Trouble = {
      code: 'ERR_UNREACHABLE',
      message: `${textOf(server)}: no answer within ${Math.round(limitMs)} ms`,
      isFinal: false,
    }
    const limit = new AbortController()
    let settle: (trouble: Trouble | undefined) => void = () => {}
    const settled = new Promise<Trouble | undefined>((resolve) => {
      settle = resolve
    })
    const attempt = { server, settle }
    this.#attempt = attempt
    const giveUp = () => {
      if (this.#attempt !== attempt) return
      this.#unanswered++
      limit.abort(new Error(`no answer within ${Math.round(limitMs)} ms`))
      settle(late)
      this.#native.drop()
    }
    // An answer that has come meanwhile is read first: timers run before that, immediates after.
    const timer = setTimeout(() => setImmediate(giveUp), limitMs)
    this.#stopped.signal.addEventListener('abort', giveUp, { once: true })
    try {
      const trouble = this.#tls
        ? await this.#connectTls(server, this.#tls, limit.signal)
        : this.#connect(server)
      return trouble ?? (await settled)
    } finally {
      this.#stopped.signal.removeEventListener('abort', giveUp)
      clearTimeout(timer)
      if (this.#attempt === attempt) this.#attempt = undefined
    }
  }

  #connect(server: Server): Trouble | undefined {
    this.dialedAt = performance.now()
    return troubleOf(server, this.#native.connect(server.ip, server.port))
  }

  async #connectTls(server: Server, tls: TlsClient, signal: AbortSignal): Promise<Trouble | undefined> {
    let tunnel: Tunnel
    try {
      tunnel = await tls.open(server, signal)
    } catch (error) {
      const { syscall, code } = error as NodeJS.ErrnoException
      const isPlain = signal.aborted || (syscall === 'connect' && code !== undefined)
      if (!isPlain) return tls.explain(server, error as Error)
      return {
        code: 'ERR_UNREACHABLE',
        message: `${textOf(server)}: ${(error as Error).message}`,
        isFinal: false,
      }
    }
    this.dialedAt = performance.now()
    const fd = this.#stopped.signal.aborted ? -1 : this.#native.connectPair()
    if (fd < 0) {
      tunnel.destroy()
      return troubleOf(server, -fd)
    }
    tunnel.carry(fd)
    this.#tunnel = tunnel
    return undefined
  }

  /** Why a connection ended before the server's answer. */
  async #explain(server: Server, errno: number, tunnel: Tunnel | undefined): Promise<Trouble> {
    if (tunnel !== undefined) {
      return tunnel.failure ? this.#tls!.explain(server, tunnel.failure) : this.#tls!.explainEnd(server)
    }
    const name = nameOf(errno)
    if (name !== 'EHOSTDOWN' && name !== 'ECONNRESET') return troubleOf(server, errno)!
    if (!this.#hasAnswered && (await speaksTls(server, LEAST_ATTEMPT_MS))) {
      const message = `${textOf(server)}: this port speaks TLS: connect with zks://, or with option 'tls' (--tls)`
      return { code: 'ERR_TLS', message, isFinal: true }
    }
    return {
      code: 'ERR_UNREACHABLE',
      message: `${textOf(server)}: it ended the connection without an answer, as a server does that is not in service`,
      isFinal: false,
    }
  }
}

function nameOf(errno: number): string {
  return errno > 0 ? getSystemErrorName(-errno) : 'EHOSTDOWN'
}

function troubleOf(server: Server, errno: number): Trouble | undefined {
  if (errno === 0) return undefined
  return { code: 'ERR_UNREACHABLE', message: `${textOf(server)}: ${nameOf(errno)}`, isFinal: false }
}

/** One trouble for all servers: final where it is for each of them. */
function summary(troubles: Trouble[]): Trouble {
  const isFinal = troubles.every((one) => one.isFinal)
  const worst = troubles.find(({ code }) => code === 'ERR_TLS') ?? troubles[0]!
  return {
    code: worst.code,
    message: [...new Set(troubles.map(({ message }) => message))].join('; '),
    isFinal,
  }
}
