// Fleet: the public face of many machines in one view.

import type { Status } from '../scoreboard/types'
import type { FleetMember } from './member'
import type {
  FleetChange,
  FleetConnectOptions,
  FleetSnapshot,
  FleetViewOptions,
  FleetWatchOptions,
  JoinOptions,
} from './types'

/** A viewer of a fleet. It writes one node of its own, which tells the agents that somebody looks. */
export class Fleet<S = Status> implements AsyncDisposable {
  readonly url: string

  private constructor(url: string) {
    this.url = url
  }

  /**
   * Makes this process the agent of a machine: from now on its boards are seen in the fleet, which is made if it is
   * missing.
   */
  static async join(_url: string, _options: JoinOptions): Promise<FleetMember> {
    throw new Error('not yet')
  }

  /** Opens a fleet to look at it. Resolves when every living machine has been read, or did not answer in time. */
  static async connect<S = Status>(_url: string, _options: FleetViewOptions = {}): Promise<Fleet<S>> {
    throw new Error('not yet')
  }

  /** Takes a machine that is lost or has left off the list, by its name or id. Returns how many. */
  static async forget(_url: string, _machine: string, _options: FleetConnectOptions = {}): Promise<number> {
    throw new Error('not yet')
  }

  /** Everything known. From memory: agents keep it fresh. */
  async snapshot(): Promise<FleetSnapshot<S>> {
    throw new Error('not yet')
  }

  /** Everything known first, then what moves. */
  watch(_options: FleetWatchOptions = {}): AsyncIterableIterator<FleetChange<S>> {
    throw new Error('not yet')
  }

  /** Statuses of the workers that live on machines that are live, by `<machine>/<id>`. */
  async readAll(): Promise<Map<string, S | undefined>> {
    throw new Error('not yet')
  }

  /** Counters and gauges of all machines added up; counters of lost machines and of those that left are kept while they are listed. */
  async totals(): Promise<Record<string, number>> {
    throw new Error('not yet')
  }

  /** Takes a machine that is lost or has left off the list, by its name or id. Returns how many. */
  async forget(_machine: string): Promise<number> {
    throw new Error('not yet')
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
