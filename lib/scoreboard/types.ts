// The shapes that a board takes and gives.

/** What JSON can say. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined }

/** What a worker may publish: text, bytes, or anything JSON can say. Bytes come back as a Buffer. */
export type Status = Uint8Array | JsonValue

/** What JSON keeps of a type: an interface is as good as a type with an index signature; functions are nothing. */
export type Jsonable<T> = T extends string | number | boolean | null | undefined | Uint8Array
  ? T
  : T extends (...args: never[]) => unknown
    ? never
    : T extends object
      ? { [Key in keyof T]: Jsonable<T[Key]> }
      : never

/** What a board takes that carries statuses of type `S`: those; where nothing was said of them, whatever JSON can say. */
export type Accepted<S, T> = Status extends S ? (T extends Status ? T : Jsonable<T>) : S

/** Where the board is, which worker opens it, and what it is like if it has to be made. */
export interface ScoreboardOptions<Names extends string = string> {
  /** The directory of the board. Made when it is missing, unless `readOnly`. */
  baseDir: string
  /**
   * The name of this worker: 1 to 128 bytes of UTF-8, no NUL. An id given here is refused
   * (`ERR_ID_IN_USE`) while a living worker has it; the default makes way by adding `#2`, `#3`...
   *
   * @default the process id, `<pid>.<threadId>` in a worker thread
   */
  workerId?: string
  /**
   * How many workers the board holds at once, 1 to 65535. An existing board keeps its own;
   * another number is then `ERR_GEOMETRY_MISMATCH`.
   *
   * @default 1024
   */
  slots?: number
  /**
   * Largest status kept inside a slot, in bytes of its encoding, 64 to 1048576; longer ones go
   * to an overflow file. Rounded up to a multiple of 8. An existing board keeps its own.
   *
   * @default 1024
   */
  inlineBytes?: number
  /**
   * Largest status that `update()` takes and that reads fetch, in bytes of its encoding.
   *
   * @default 16 MiB
   */
  maxStatusBytes?: number
  /**
   * Numbers that every worker keeps, at most 64, fixed when the board is created. A `counter`
   * only grows and outlives its worker in the totals; a `gauge` is what it is now.
   *
   * @default none
   */
  counters?: Readonly<Record<Names, 'counter' | 'gauge'>>
  /**
   * Names of board-wide integers that any worker may add to, at most 64, fixed when the board is created.
   *
   * @default none
   */
  sharedCounters?: string[]
  /**
   * Never writes, so works without write permission; `update`, `claim` and `cleanup` are `ERR_READ_ONLY`.
   *
   * @default false
   */
  readOnly?: boolean
  /**
   * Permission bits of new files; the directory gets the matching x bits.
   *
   * @default 0o600
   */
  mode?: number
  /**
   * Use the board although it lies on a network file system, where neither shared mappings nor
   * these locks can be trusted.
   *
   * @default false
   */
  allowAnyFilesystem?: boolean
  /**
   * Whether `counters.view` may be memory of the board itself; `false` sends every access
   * through a native call.
   *
   * @default where the runtime allows it
   */
  externalBuffers?: boolean
  /**
   * For how long those that have died are shown by `snapshot({ includeDead: true })` and so by pages and lists, in
   * milliseconds, 0 to 2147483647 or Infinity. After that they are left out, and claims take their slots as they
   * take free ones; until then only when no slot is free. A worker with the id of a dead one takes its
   * place at once.
   *
   * @default 600000, ten minutes
   */
  deadForMs?: number
  /**
   * How often this worker says that its event loop turns, in milliseconds, 0 to 3600000; 0: never. From the first
   * `update()` or `claim()` on, by a timer that keeps no process alive. Readers tell by it who is blocked. A program
   * that works without an event loop, one synchronous step after the other, says 0.
   *
   * @default 1000
   */
  heartbeatMs?: number
}

/** What went wrong with one slot. It never costs the other entries. */
export interface WorkerEntryError {
  code: 'BUSY' | 'BAD_RECORD' | 'OVERFLOW_MISSING' | 'OVERFLOW_CORRUPT'
  message: string
  /** The first characters of the status, where they are known. */
  preview?: string
}

/** What a worker costs, by the kernel's account. Of a worker thread: its own time, the memory of its whole process. */
export interface Vitals {
  /** Of one core, since the look before at this handle; at the first, over all of its life. */
  cpuPercent: number
  /** User and system time since its process started, in milliseconds. */
  cpuMs: number
  /** Memory that is not swapped out, in bytes. */
  rssBytes: number
  /** How many its process has. */
  threads: number
  /**
   * The state letter of `/proc`: R runs, S sleeps, D waits for a device, T is stopped, t is traced, Z has ended; or F: it
   * is frozen with its cgroup, as by `docker pause`.
   */
  procState: string
}

/** One worker as a reader sees it. */
export interface WorkerEntry<S = Status, Names extends string = string> {
  id: string
  pid: number
  /** 0 in the main thread of a process. */
  threadId: number
  slot: number
  /** Grows by one each time the slot gets a new owner. */
  epoch: number
  state: 'live' | 'dead'
  /** Undefined when the worker has claimed and not yet published, or when there is an `error`. */
  status: S | undefined
  /** How many updates this worker has published. */
  updates: number
  /** When the slot was claimed, in milliseconds since the Unix epoch. */
  startedAt: number
  /** When the status was published, in milliseconds since the Unix epoch. */
  updatedAt: number | undefined
  /** How long ago that was, in milliseconds, by the monotonic clock. */
  ageMs: number | undefined
  /** How long ago the event loop of a living worker last turned, in milliseconds; undefined: it has no heart, or not by our clock. */
  heartbeatAgeMs?: number | undefined
  /** How often it says so, in milliseconds: its option `heartbeatMs`. */
  heartbeatMs?: number | undefined
  /** When its process started, in clock ticks since boot: with the pid this names one process for ever. 0: unknown. */
  processStart?: number
  /** The inode of its pid namespace, in which `pid` is a number; 0: unknown. */
  pidNamespace?: number
  counters: Record<Names, number>
  /** For `snapshot({ vitals: true })`, of a living worker in the reader's pid namespace, on Linux. */
  vitals?: Vitals
  /** For how long a dead worker has been dead, in milliseconds; undefined where nobody has noted it yet. */
  deadForMs?: number
  /** How a dead worker ended, where somebody knew: `exited 1`, `SIGKILL`, `terminated` (its thread). */
  ending?: string
  error?: WorkerEntryError
}

/** Everything known of a board at one moment. */
export interface Snapshot<S = Status, Names extends string = string> {
  boardId: string
  /** How many workers the board can hold. */
  slots: number
  workers: WorkerEntry<S, Names>[]
  cursor: Cursor
  /** Milliseconds since the Unix epoch. */
  takenAt: number
}

declare const cursorBrand: unique symbol

/** Where a reader stands: opaque, immutable, of this process. */
export interface Cursor {
  readonly [cursorBrand]: true
}

/** A worker that is new or has published since. */
export interface WorkerChange<S = Status, Names extends string = string> extends WorkerEntry<S, Names> {
  /** How many updates this change stands for. */
  merged: number
  /** Whether this owner of the slot was not known before. */
  isNew: boolean
  /** For a watch with `blockedAfterMs`: whether it is blocked now. */
  blocked?: boolean
}

/** A worker that is there no more. A slot owned anew is one gone and one new. */
export interface GoneWorker {
  id: string
  slot: number
  epoch: number
  /**
   * How it ended. `closed`: by `close()`, or by an exit of its process or thread with code 0; its status went with
   * it. `died`: in any other way: another exit code, an exception or a rejection that nobody caught, a signal,
   * a thread that throws, is terminated, runs out of memory or goes down with its process.
   * Its last status stays in `snapshot({ includeDead: true })` until its slot is cleaned up or taken.
   */
  reason: 'closed' | 'died'
  /** More of it, where somebody knew, as in `WorkerEntry`. */
  ending?: string
}

/** What moved since a cursor. A counter alone is not a change. */
export interface Changes<S = Status, Names extends string = string> extends Snapshot<S, Names> {
  workers: WorkerChange<S, Names>[]
  gone: GoneWorker[]
}

/** When to end, and how often to look. */
export interface WatchOptions {
  /** Ends the watch; the pending `next()` rejects with its reason. */
  signal?: AbortSignal
  /**
   * The least time between two results, in milliseconds; what happens meanwhile is merged.
   *
   * @default 0
   */
  minIntervalMs?: number
  /**
   * Also tell when a worker's event loop has not turned for so many milliseconds, and when it turns again: such a
   * change has `merged` 0, and every change of this watch has `blocked`. At least 1; less than twice the
   * worker's `heartbeatMs` calls those blocked who are not.
   *
   * @default not told
   */
  blockedAfterMs?: number
}
