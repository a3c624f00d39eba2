// The thread behind `heartbeat: 'thread'`: its sessions live on the event loop of this thread, and so do
// the reapers of the incarnations that the main thread waits on, over a connection of their own. So a
// blocked main thread neither loses its session nor leaves dead and silent workers unnoticed.

import { setTimeout as delay } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import { WatchdogError } from '../../util/errors'
import { Incarnation } from '../incarnation/incarnation'
import { PageSet } from '../items/page-set'
import { Reaper } from '../members/reaper'
import type { ReapedIncarnation } from '../store/store'
import { INVALID_STATE, RETRY_MS, type Session, type SessionEvent } from '../store/zookeeper/protocol'
import { openLoopSession } from '../store/zookeeper/session'
import type { FromHost, SessionWorkerOptions, ToHost } from '../store/zookeeper/session-worker'
import { ZookeeperStore } from '../store/zookeeper/store'
import { parseZookeeperUrl } from '../store/zookeeper/url'

interface Post {
  readonly run: ReapedIncarnation
  reaper?: Reaper
  readonly releases: (() => void)[]
  holders: number
}

/** The reapers of one handle of the main thread. */
class SessionWorker {
  readonly #options: SessionWorkerOptions
  readonly #posts = new Map<number, Post>()
  #store: ZookeeperStore | undefined
  #opening: Promise<void> | undefined
  readonly #stopping = new AbortController()

  constructor(options: SessionWorkerOptions) {
    this.#options = options
  }

  hold(id: number, run: ReapedIncarnation): void {
    const post = this.#posts.get(id) ?? { run, releases: [], holders: 0 }
    // A handle is attached to one run at a time; what it has left needs no memory any more.
    for (const [other, { holders }] of this.#posts)
      if (other !== id && holders === 0) this.#posts.delete(other)
    this.#posts.set(id, post)
    post.holders++
    this.#opening ??= this.#open()
    this.#start(post)
  }

  release(id: number): void {
    const post = this.#posts.get(id)
    if (post === undefined) return
    post.holders--
    post.releases.pop()?.()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    for (const post of this.#posts.values()) for (const release of post.releases.splice(0)) release()
    await this.#opening
    await this.#store?.close()
    await Promise.all([...this.#posts.values()].map(({ reaper }) => reaper?.idle()))
  }

  /** Connects, however long that takes; the handle's own calls say what is wrong. */
  async #open(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        this.#store = await ZookeeperStore.connect({ ...this.#options, heartbeat: 'loop', signal })
        // Of the same kind only; those of another the handles ask themselves.
        this.#store.neighbour = async (url) => {
          const address = parseZookeeperUrl(url)
          return ZookeeperStore.connect({ ...this.#options, url, address, heartbeat: 'loop' })
        }
        for (const post of this.#posts.values()) this.#start(post)
        return
      } catch (error) {
        if (!(error as WatchdogError).retryable) return
        await delay(RETRY_MS, undefined, { signal }).catch(() => {})
      }
    }
  }

  #start(post: Post): void {
    if (this.#store === undefined || this.#stopping.signal.aborted) return
    if (post.reaper === undefined) {
      const run = new Incarnation(this.#store, post.run.id, post.run.capability, post.run.settings)
      post.reaper = new Reaper(run, new PageSet(run))
    }
    while (post.releases.length < post.holders) post.releases.push(post.reaper.hold())
  }
}

const port = parentPort!
const sessions = new Map<number, Session>()
const workers = new Map<number, SessionWorker>()

function post(message: FromHost): void {
  port.postMessage(message)
}

function forget(session: number): void {
  if (sessions.delete(session)) post({ kind: 'closed', session })
}

async function obey(message: ToHost): Promise<void> {
  switch (message.kind) {
    case 'open': {
      const { session, config } = message
      const onEvent = (event: SessionEvent) => {
        post({ kind: 'event', session, event })
        // What was in flight is answered first.
        if (event.type === 'closed') setImmediate(() => forget(session))
      }
      try {
        sessions.set(session, openLoopSession(config, onEvent))
      } catch (error) {
        const { code, message } = error as WatchdogError
        post({ kind: 'failed', session, code: error instanceof WatchdogError ? code : undefined, message })
      }
      return
    }
    case 'call': {
      const reply = (await sessions.get(message.session)?.call(message.request)) ?? { rc: INVALID_STATE }
      return post({ kind: 'reply', call: message.call, reply })
    }
    case 'close':
      await sessions.get(message.session)?.close()
      return forget(message.session)
    case 'hold': {
      const worker = workers.get(message.worker) ?? new SessionWorker(message.options)
      workers.set(message.worker, worker)
      return worker.hold(message.reaper, message.run)
    }
    case 'release':
      return workers.get(message.worker)?.release(message.reaper)
    case 'stop':
      await workers.get(message.worker)?.stop()
      workers.delete(message.worker)
      return post({ kind: 'stopped', worker: message.worker })
  }
}

port.on('message', obey)
