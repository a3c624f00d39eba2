// The shapes that a fleet takes and gives.

import type { ConnectOptions } from '../queue/types'
import type { AnyScoreboard } from '../scoreboard/scoreboard'
import type { GoneWorker, Status, WorkerChange, WorkerEntry } from '../scoreboard/types'

/** What `Fleet.connect` and `Fleet.join` take for the way to the store: as a queue does, without a session's hand-over. */
export type FleetConnectOptions = Omit<ConnectOptions, 'session' | 'heartbeat'>

/** How a viewer looks. */
export interface FleetViewOptions extends FleetConnectOptions {
  /**
   * How often what it sees may change at most, in milliseconds, 100 to 60000. Agents go by the most demanding viewer.
   *
   * @default 1000
   */
  minIntervalMs?: number
}

/** What one machine tells of itself. */
export interface JoinOptions extends FleetConnectOptions {
  /**
   * The boards to tell of, 1 to 16: handles of this process, which stay the caller's, or directories, which are opened
   * with `readOnly`, waited for where there is none yet, and opened again where another board takes their place.
   */
  boards: readonly (AnyScoreboard | string)[]
  /** How the machine is called: 1 to 128 bytes of UTF-8. Two may have the same. @default the host's name */
  name?: string
  /** At most 32, of names of `[A-Za-z0-9_.:/-]`, 1 to 63 characters, with values of up to 256 bytes. @default none */
  labels?: Readonly<Record<string, string>>
  /** The URL of a page that this machine serves itself, for service discovery. @default none */
  page?: string
  /**
   * Largest status that is passed on whole, in bytes of its encoding, 64 to 4096; of longer ones the beginning.
   *
   * @default 512
   */
  statusBytes?: number
  /**
   * For how long the machine stays listed with its last words after it was lost, and without them after it left, in
   * milliseconds, 0 to 2147483647.
   *
   * @default 3600000, one hour
   */
  retainMs?: number
  /** How often at most it writes, in milliseconds, 100 to 60000. It writes less often where the store is slow. @default 1000 */
  intervalMs?: number
  /**
   * How old the heart of a worker may be before it counts as blocked, in milliseconds, 1 to 2147483647; never before
   * it has missed three beats of its own.
   *
   * @default 3000, three beats of a worker with the default heartbeat
   */
  blockedAfterMs?: number
}

/** One board that a member tells of. `missing`: there is none yet, or no more, and it is waited for. */
export interface MemberBoard {
  dir: string
  state: 'read' | 'missing' | 'unreadable'
  /** Why it is unreadable. */
  error?: string
}

/** `lost`: its agent ended without a good-bye, or cannot be reached. */
export type MachineState = 'live' | 'lost' | 'left'

/** One board of a machine. */
export interface FleetBoard {
  dir: string
  /** '' while there is no board in `dir`. */
  boardId: string
  slots: number
  /** Workers that live, blocked ones included. */
  live: number
  /** Of those, the ones that have something to do and whose event loop turns, as the page counts them. */
  busy: number
  /** Of those that live, the ones whose event loop does not turn. */
  blocked: number
  /** Workers that have died and are still shown. */
  dead: number
  /** Its counters, as `Scoreboard.totals()`. */
  totals: Record<string, number>
  /** Whether each of them only grows or is what it is now. */
  counterKinds: Record<string, 'counter' | 'gauge'>
  /** Why its agent cannot read it; undefined too while there is none in `dir`. */
  error?: string
}

/** One worker, as its machine tells of it. Objects in `status` and `counters` are shared between snapshots: do not change them. */
export interface FleetWorker<S = Status> extends WorkerEntry<S, string> {
  /** The name of its machine. */
  machine: string
  /** `MachineEntry.id` of its machine. */
  machineId: string
  /** The directory of its board, on its machine. */
  board: string
  /** Whether `status` is only the beginning of what the worker published. */
  statusCut: boolean
}

/** One machine of a fleet, as its agent said last. */
export interface MachineEntry<S = Status> {
  name: string
  /** Of this member of the fleet, for ever: two machines may have the same name. */
  id: string
  host: string
  state: MachineState
  labels: Record<string, string>
  /** When it joined last, in milliseconds since the Unix epoch, by its own clock. */
  joinedAt: number
  /** How long ago it wrote last, in milliseconds: so old are the last words of one that is lost. One that is quiet does not write. */
  ageMs: number
  /** For how long it has been known to be lost, in milliseconds; undefined for others. */
  lostForMs?: number
  /** The URL of a page that it serves itself. */
  page?: string
  boards: FleetBoard[]
  /** Of a lost machine: as they were when it wrote last. */
  workers: FleetWorker<S>[]
  /** The counters and gauges of all its boards, added up. */
  totals: Record<string, number>
  /**
   * Workers of before it was lost and came back without the boards that they were on, as after a reboot: as they were
   * when it wrote last. Undefined: nothing is known that its boards do not tell.
   */
  before?: { lostForMs: number; workers: FleetWorker<S>[] }
  /**
   * What cannot be read: `BAD_BOARD`: a board, by its agent; else what it has written, by us. What could be read is
   * there all the same.
   */
  error?: { code: 'BAD_BOARD' | 'BAD_RECORD' | 'BAD_PART' | 'TOO_MUCH'; message: string }
}

/** Everything known of a fleet at one moment. */
export interface FleetSnapshot<S = Status> {
  url: string
  /** By name; of the same name, by when they joined. */
  machines: MachineEntry<S>[]
  /** For how long the store has not been reached, in milliseconds: so old is all of this. 0: it is reached. */
  disconnectedMs: number
  /** Milliseconds since the Unix epoch. */
  takenAt: number
}

/** What became of a machine. `joined`: for the first time or again; `forgotten`: it is not listed any more. */
export interface MachineChange<S = Status> {
  type: 'joined' | 'lost' | 'left' | 'forgotten'
  /** As it is now; of one that is forgotten, as it was. */
  machine: MachineEntry<S>
}

/** As a board's `WorkerChange`, with where it is. `blocked` is always told. */
export interface FleetWorkerChange<S = Status> extends WorkerChange<S, string> {
  machine: string
  machineId: string
  board: string
  statusCut: boolean
}

/** As a board's `GoneWorker`, with where it was. */
export interface FleetGoneWorker extends GoneWorker {
  machine: string
  machineId: string
  board: string
}

/**
 * What moved since the last one; first everything known, as if it had moved. The workers of a machine that is lost,
 * has left or is forgotten are not told of one by one: nobody knows whether they are gone.
 */
export interface FleetChange<S = Status> {
  machines: MachineChange<S>[]
  workers: FleetWorkerChange<S>[]
  gone: FleetGoneWorker[]
  takenAt: number
}

/** Of `fleet.watch()`. */
export interface FleetWatchOptions {
  /** Ends the watch; the pending `next()` rejects with its reason. */
  signal?: AbortSignal
  /** The least time between two results, in milliseconds. @default 0, so the handle's own */
  minIntervalMs?: number
}
