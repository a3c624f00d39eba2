// Sessions in a thread of our own, for `heartbeat: 'thread'`: the thread answers the server's
// heartbeat while the main thread is blocked. The same file is both ends: imported, it is the
// proxy; run as a worker, it is the host.
//
// At exit the main thread asks the host to close its sessions and waits for it, since a thread
// that ends with an open handle aborts the process.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { OpenSession, Reply, Request, Session, SessionConfig, SessionEvent } from './zookeeper-protocol'
import { closeAllSessions, openLoopSession } from './zookeeper-session'

const EXIT_MS = 3000

type ToHost =
  | { kind: 'open'; session: number; config: SessionConfig }
  | { kind: 'call'; session: number; call: number; request: Request }
  | { kind: 'close'; session: number }
  | { kind: 'exit' }
type FromHost =
  | { kind: 'event'; session: number; event: SessionEvent }
  | { kind: 'reply'; call: number; reply: Reply }
  | { kind: 'failed'; session: number; error: Error }
  | { kind: 'closed'; session: number }

interface Proxy {
  onEvent: (event: SessionEvent) => void
  onClosed: () => void
}

class Host {
  readonly #worker: Worker
  readonly #exited = new Int32Array(new SharedArrayBuffer(4))
  readonly #proxies = new Map<number, Proxy>()
  readonly #calls = new Map<number, { session: number; resolve: (reply: Reply) => void }>()
  #next = 1

  constructor() {
    this.#worker = new Worker(__filename, { workerData: { rollcallSessions: this.#exited }, stdout: false })
    this.#worker.on('message', (message: FromHost) => this.#receive(message))
    this.#worker.on('error', (error) => {
      for (const session of [...this.#proxies.keys()]) this.#fail(session, error)
    })
    this.#worker.unref()
    process.once('exit', () => {
      this.#post({ kind: 'exit' })
      Atomics.wait(this.#exited, 0, 0, EXIT_MS)
    })
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
      this.#fail(message.session, message.error)
    } else {
      this.#proxies.get(message.session)?.onClosed()
      this.#forget(message.session)
    }
  }

  /** The thread could not open (or keep) a session: its calls are answered as lost. */
  #fail(session: number, error: Error): void {
    process.emitWarning(`A ZooKeeper session of the heartbeat thread failed: ${error.message}`)
    this.#proxies.get(session)?.onEvent({ type: 'closed', code: -9 })
    this.#proxies.get(session)?.onClosed()
    this.#forget(session)
  }

  #forget(session: number): void {
    this.#proxies.delete(session)
    for (const [call, waiting] of this.#calls) {
      if (waiting.session !== session) continue
      this.#calls.delete(call)
      waiting.resolve({ rc: -116 })
    }
    if (this.#proxies.size === 0) this.#worker.unref()
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
          if (!this.#proxies.has(session)) return resolve({ rc: -9 })
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

export const openThreadSession: OpenSession = (config, onEvent) => {
  host ??= new Host()
  return host.open(config, onEvent)
}

function serve(exited: Int32Array<SharedArrayBuffer>): void {
  const port = parentPort!
  const open = new Map<number, Session>()
  const post = (message: FromHost) => port.postMessage(message)
  port.on('message', async (message: ToHost) => {
    if (message.kind === 'exit') {
      closeAllSessions()
      Atomics.store(exited, 0, 1)
      Atomics.notify(exited, 0)
      return
    }
    const { session } = message
    if (message.kind === 'open') {
      try {
        open.set(
          session,
          openLoopSession(message.config, (event) => post({ kind: 'event', session, event })),
        )
      } catch (error) {
        post({ kind: 'failed', session, error: error as Error })
      }
    } else if (message.kind === 'call') {
      const reply = (await open.get(session)?.call(message.request)) ?? { rc: -9 }
      post({ kind: 'reply', call: message.call, reply })
    } else {
      await open.get(session)?.close()
      open.delete(session)
      post({ kind: 'closed', session })
    }
  })
}

if (!isMainThread && workerData?.rollcallSessions !== undefined) serve(workerData.rollcallSessions)
