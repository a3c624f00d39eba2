// Fleet: the public face of many machines in one view. How it is done is described in docs/PROTOCOL.md.

import type { Status } from '../scoreboard/types'
import { WatchdogError } from '../util/errors'
import type { FleetMember } from './member'
import type {
  FleetChange,
  FleetConnectOptions,
  FleetSnapshot,
  FleetViewOptions,
  FleetWatchOptions,
  JoinOptions,
} from './types'
import type { Viewer } from './viewer'
import type { FleetWatcher } from './watcher'

/** Loaded by the first call: whoever wants only a board has the class, and nothing behind it. */
const inside = () => require('./inside') as typeof import('./inside')

/**
 * A viewer of a fleet: every worker of every machine. It writes one node of its own, which tells the agents that
 * somebody looks; from then on they keep it fresh, and every call here answers from memory.
 *
 * `Fleet<Job>` believes that statuses are of type `Job`.
 */
export class Fleet<S = Status> {
  readonly url: string
  readonly #viewer: Viewer
  readonly #forget: (machine: string) => Promise<number>
  readonly #watchers = new Set<FleetWatcher>()
  #isClosed = false

  private constructor(url: string, viewer: Viewer, forget: (machine: string) => Promise<number>) {
    this.url = url
    this.#viewer = viewer
    this.#forget = forget
  }

  /**
   * Makes this process the agent of a machine: from now on its boards are seen in the fleet, which is made if it is
   * missing. Resolves when others can see it. Where this process dies without `leave()`, others see `lost`.
   *
   * @param url `zk://host1:port,host2:port/path`, or `local:DIR` for the boards and containers of one machine
   * @throws {TypeError | RangeError} an option is wrong; nothing was touched
   * @throws {WatchdogError} `ERR_UNREACHABLE`, `ERR_AUTH`, `ERR_VERSION`, `ERR_UNSUPPORTED` (there is something else)
   */
  static async join(url: string, options: JoinOptions): Promise<FleetMember> {
    const { checkJoinOptions, openStore, Agent, FleetMember } = inside()
    const { connect, agent } = checkJoinOptions(options)
    const store = await openStore(url, connect)
    return new FleetMember(store.url, agent.name, await Agent.start(store, agent))
  }

  /**
   * Opens a fleet to look at it. Resolves when everything has been read and every agent that lives has brought it up to
   * date, or had three seconds to.
   *
   * @throws {TypeError | RangeError} an option is wrong; nothing was touched
   * @throws {WatchdogError} `ERR_NOT_FOUND`: there is none; `ERR_UNREACHABLE`, `ERR_AUTH`, `ERR_VERSION`, `ERR_UNSUPPORTED`
   */
  static async connect<S = Status>(url: string, options: FleetViewOptions = {}): Promise<Fleet<S>> {
    const { checkViewOptions, openStore, Viewer, forgetByName } = inside()
    const { connect, intervalMs } = checkViewOptions(options)
    const store = await openStore(url, connect)
    const viewer = await Viewer.open(store, intervalMs, connect.signal)
    return new Fleet<S>(store.url, viewer, (machine) => forgetByName(store, machine))
  }

  /**
   * Takes a machine that is lost or has left off the list, by its name or id, with its last words.
   *
   * @returns how many: 1
   * @throws {WatchdogError} `ERR_NOT_FOUND`: no such machine; `ERR_UNSUPPORTED`: it is live, or several have that name
   */
  static async forget(url: string, machine: string, options: FleetConnectOptions = {}): Promise<number> {
    const { checkForgetOptions, openStore, findFleet, forgetByName } = inside()
    checkForgetOptions(options)
    const store = await openStore(url, options)
    try {
      await findFleet(store)
      return await forgetByName(store, machine)
    } finally {
      await store.close()
    }
  }

  /** Everything known: machines that are live, and those that are lost or have left and are not forgotten yet. */
  async snapshot(): Promise<FleetSnapshot<S>> {
    this.#checkOpen('read')
    const { model, disconnectedMs } = this.#viewer
    const machines = model.entries() as FleetSnapshot<S>['machines']
    return { url: this.url, machines, disconnectedMs, takenAt: Date.now() }
  }

  /**
   * Waits for changes: yields everything known first, then what moves. `for await` ends it by itself; code that calls
   * `next()` by hand calls `return()` or aborts.
   *
   * @throws {WatchdogError} `ERR_CLOSED`; the signal's reason when aborted
   */
  watch(options: FleetWatchOptions = {}): AsyncIterableIterator<FleetChange<S>> {
    const { checkWatchOptions, FleetWatcher } = inside()
    const { minIntervalMs, signal } = checkWatchOptions(options)
    this.#checkOpen('watch')
    const forget = () => this.#watchers.delete(watcher)
    const watcher: FleetWatcher = new FleetWatcher(this.#viewer.model, minIntervalMs, signal, forget)
    this.#watchers.add(watcher)
    return watcher as AsyncIterableIterator<FleetChange<S>>
  }

  /**
   * Statuses of the workers that live, on machines that do, by `<machine>/<id>`. Where two would have the same, the
   * second has `#2` behind it, and so on.
   */
  async readAll(): Promise<Map<string, S | undefined>> {
    const { machines } = await this.snapshot()
    const statuses = new Map<string, S | undefined>()
    for (const { state, name, workers } of machines) {
      if (state !== 'live') continue
      for (const worker of workers) {
        if (worker.state !== 'live') continue
        const key = `${name}/${worker.id}`
        let free = key
        for (let nth = 2; statuses.has(free); nth++) free = `${key}#${nth}`
        statuses.set(free, worker.status)
      }
    }
    return statuses
  }

  /**
   * What the counters of all boards have come to, each board once; machines that are lost or have left are in it while
   * they are listed. Gauges are those of machines that are live.
   */
  async totals(): Promise<Record<string, number>> {
    this.#checkOpen('read')
    return this.#viewer.model.totals()
  }

  /** As `Fleet.forget`, over this connection. */
  async forget(machine: string): Promise<number> {
    this.#checkOpen('forget a machine')
    return this.#forget(machine)
  }

  /** Ends what watches. Calling it again is fine. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const watcher of [...this.#watchers]) watcher.end()
    await this.#viewer.close()
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #checkOpen(what: string): void {
    if (!this.#isClosed) return
    throw new WatchdogError('ERR_CLOSED', `Cannot ${what}: this handle of the fleet at ${this.url} is closed`)
  }
}

// A bundler calls a class that speaks of itself otherwise, and users see the name.
Object.defineProperty(Fleet, 'name', { value: 'Fleet' })
