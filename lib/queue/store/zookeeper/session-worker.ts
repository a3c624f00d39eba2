// Sessions in a thread of our own, for `heartbeat: 'thread'`: while the main thread is blocked, the
// thread answers the server's heartbeat, and looks after the runs that somebody waits on. This is the
// main thread's end; the other one is session-worker-main.ts.

import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { WatchdogError, type WatchdogErrorCode } from '../../../util/errors'
import type { ReapedIncarnation, RemoteReaper } from '../store'
import {
  CLOSING,
  type ConnectionOptions,
  INVALID_STATE,
  type OpenSession,
  type Reply,
  type Request,
  type Session,
  type SessionConfig,
  type SessionEvent,
} from './protocol'

const HOST = join(__dirname, '..', '..', 'thread', 'session-worker-main.js')

/** What a handle has in the thread besides its session: a store of its own, with reapers. */
export type SessionWorkerOptions = Omit<ConnectionOptions, 'signal' | 'session' | 'heartbeat'>

export type ToHost =
  | { kind: 'open'; session: number; config: SessionConfig }
  | { kind: 'call'; session: number; call: number; request: Request }
  | { kind: 'close'; session: number }
  | { kind: 'hold'; worker: number; options: SessionWorkerOptions; reaper: number; run: ReapedIncarnation }
  | { kind: 'release'; worker: number; reaper: number }
  | { kind: 'stop'; worker: number }
export type FromHost =
  | { kind: 'event'; session: number; event: SessionEvent }
  | { kind: 'reply'; call: number; reply: Reply }
  /** Of an error that passes from thread to thread only its message is left. */
  | { kind: 'failed'; session: number; code: WatchdogErrorCode | undefined; message: string }
  | { kind: 'closed'; session: number }
  | { kind: 'stopped'; worker: number }

/** Who looks after the runs that one handle waits on. */
export interface SessionWorker {
  remoteReaper(run: ReapedIncarnation): RemoteReaper
  /** Ends their work, and the connection that they share. */
  stop(): Promise<void>
}

interface Proxy {
  onEvent: (event: SessionEvent) => void
  onClosed: () => void
}

class Host {
  readonly #worker: Worker
  #hasEnded = false
  readonly #proxies = new Map<number, Proxy>()
  readonly #calls = new Map<number, { session: number; resolve: (reply: Reply) => void }>()
  readonly #stops = new Map<number, () => void>()
  #next = 1

  constructor() {
    this.#worker = new Worker(HOST, { stdout: false })
    this.#worker.on('message', (message: FromHost) => this.#receive(message))
    this.#worker.on('error', (error) => {
      // Whatever is asked next is asked of another thread.
      if (host === this) host = undefined
      this.#hasEnded = true
      for (const session of [...this.#proxies.keys()]) this.#fail(session, error)
      for (const worker of [...this.#stops.keys()]) this.#stopped(worker)
    })
    this.#worker.unref()
  }

  #post(message: ToHost): void {
    this.#worker.postMessage(message)
  }

  #receive(message: FromHost): void {
    if (message.kind === 'reply') {
      const waiting = this.#calls.get(message.call)
      this.#calls.delete(message.call)
      waiting?.resolve(message.reply)
    } else if (message.kind === 'event') {
      this.#proxies.get(message.session)?.onEvent(message.event)
    } else if (message.kind === 'failed') {
      const { session, code, message: why } = message
      this.#fail(session, code === undefined ? new Error(why) : new WatchdogError(code, why))
    } else if (message.kind === 'stopped') {
      this.#stopped(message.worker)
    } else {
      this.#proxies.get(message.session)?.onClosed()
      this.#forget(message.session)
    }
  }

  /** The thread could not open (or keep) a session: its calls are answered as lost. */
  #fail(session: number, error: Error): void {
    this.#proxies.get(session)?.onEvent({ type: 'closed', code: INVALID_STATE, error })
    this.#proxies.get(session)?.onClosed()
    this.#forget(session)
  }

  #forget(session: number): void {
    this.#proxies.delete(session)
    for (const [call, waiting] of this.#calls) {
      if (waiting.session !== session) continue
      this.#calls.delete(call)
      waiting.resolve({ rc: CLOSING })
    }
    if (this.#proxies.size === 0) this.#worker.unref()
  }

  #stopped(worker: number): void {
    this.#stops.get(worker)?.()
    this.#stops.delete(worker)
  }

  /** REQUIRES: a session that stays open until they are stopped; it keeps the thread. */
  worker(options: SessionWorkerOptions): SessionWorker {
    const worker = this.#next++
    let isStarted = false
    let stopping: Promise<void> | undefined
    return {
      remoteReaper: (run) => {
        const reaper = this.#next++
        return {
          hold: () => {
            let held = stopping === undefined
            if (held) this.#post({ kind: 'hold', worker, options, reaper, run })
            isStarted ||= held
            return () => {
              if (held && stopping === undefined) this.#post({ kind: 'release', worker, reaper })
              held = false
            }
          },
          idle: async () => stopping,
        }
      },
      stop: () => {
        stopping ??=
          isStarted && !this.#hasEnded
            ? new Promise((resolve) => {
                this.#stops.set(worker, resolve)
                this.#post({ kind: 'stop', worker })
              })
            : Promise.resolve()
        return stopping
      },
    }
  }

  open(config: SessionConfig, onEvent: (event: SessionEvent) => void): Session {
    const session = this.#next++
    let onClosed = () => {}
    const closed = new Promise<void>((resolve) => {
      onClosed = resolve
    })
    this.#proxies.set(session, { onEvent, onClosed })
    this.#worker.ref()
    this.#post({ kind: 'open', session, config })
    return {
      call: (request) =>
        new Promise((resolve) => {
          if (!this.#proxies.has(session)) return resolve({ rc: INVALID_STATE })
          const call = this.#next++
          this.#calls.set(call, { session, resolve })
          this.#post({ kind: 'call', session, call, request })
        }),
      close: () => {
        if (!this.#proxies.has(session)) return Promise.resolve()
        this.#post({ kind: 'close', session })
        return closed
      },
    }
  }
}

let host: Host | undefined

function theHost(): Host {
  host ??= new Host()
  return host
}

export const openThreadSession: OpenSession = (config, onEvent) => theHost().open(config, onEvent)

/** Starts what looks after runs in the thread; it begins when something is first held. */
export function startSessionWorker(options: SessionWorkerOptions): SessionWorker {
  return theHost().worker(options)
}
