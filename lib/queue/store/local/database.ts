// The nodes of a queue as rows of an SQLite database, shared by the processes of one machine.
//
// All calls are synchronous and never wait: while another process holds the database they throw
// what `isDatabaseBusy()` knows, and the caller decides how long to try again (busy-retry.ts). A process
// that is killed in a transaction has changed nothing.
//
// A write of one statement is a transaction by itself, half as long as one with a BEGIN of its own. But a
// statement of the package that fails, or finds the database busy, stays active: what the connection
// reads from then on stays as old as it is, and what it writes is not committed. So nothing else is done
// between such a write and its next try; and when the tries are used up, as after any other failure, the
// connection is made anew, and the next one begins with BEGIN, which leaves nothing behind when it fails.

import { isAmount, isCount } from '../../../util/bounds'
import { asBuffer } from '../../../util/bytes'
import { monotonicMs } from '../../../util/clock'
import { WatchdogError } from '../../../util/errors'
import { type Connection, closedError, openConnection, type PlaceTrust } from './connection'
import { isDatabaseBusy, isDatabaseError } from './database-errors'
import { LogFlush } from './log-flush'

export interface NodeRow {
  readonly data: Buffer
  readonly version: number
  readonly born: number
  readonly changed: number
  readonly children: number
}

/** How often a write is tried before the caller is told: for some two milliseconds. */
const TRIES_AT_ONCE = 16
/**
 * Another's write takes some twenty microseconds, and a try that fails longer; so the first tries are pauses
 * themselves, and each is shorter than the shortest sleep that a kernel gives.
 */
const TRIES_WITHOUT_PAUSE = 4
const PAUSE_MS = 0.05
const NEVER = new Int32Array(new SharedArrayBuffer(4))

export class LocalDatabase {
  readonly path: string
  #connection: Connection | undefined
  #isClosed = false
  #isWriting = false
  /** Somebody has held the database for longer than a write takes. */
  #isHeld = false
  readonly #log: LogFlush
  readonly #trust: PlaceTrust

  /** Opens a database that is there. Throws as described above. */
  constructor(path: string, trust: PlaceTrust = {}) {
    this.path = path
    this.#trust = trust
    this.#log = new LogFlush(path)
    this.#connection = openConnection(path, trust)
  }

  #open(): Connection {
    if (this.#connection !== undefined) return this.#connection
    if (this.#isClosed) throw closedError(this.path)
    this.#connection = openConnection(this.path, this.#trust)
    return this.#connection
  }

  #read<T>(work: (statements: Connection['statements']) => T): T {
    const { statements } = this.#open()
    try {
      return work(statements)
    } catch (error) {
      if (!this.#isWriting && isDatabaseError(error)) this.#forget()
      throw error
    }
  }

  /** A write of one statement. */
  #write<T>(work: (statements: Connection['statements']) => T): T {
    if (this.#isWriting) return this.#read(work)
    if (this.#isHeld) return this.exclusively(() => this.#read(work))
    const { statements } = this.#open()
    for (let tries = 1; ; tries++) {
      try {
        return work(statements)
      } catch (error) {
        if (isDatabaseBusy(error) && tries < TRIES_AT_ONCE) {
          if (tries >= TRIES_WITHOUT_PAUSE) Atomics.wait(NEVER, 0, 0, PAUSE_MS * (0.5 + Math.random()))
          continue
        }
        if (isDatabaseError(error)) this.#forget()
        this.#isHeld = isDatabaseBusy(error)
        throw error
      }
    }
  }

  #forget(): void {
    this.#connection?.database.close()
    this.#connection = undefined
  }

  get(path: string): NodeRow | undefined {
    const row = this.#read(({ get }) => get.get(path)) as unknown as
      | [Buffer, number, number, number, number]
      | undefined
    if (row === undefined) return undefined
    const [data, version, born, changed, children] = row
    // A column of SQLite holds whatever was put there, a version of 2^53 and text in place of bytes too.
    const isSound =
      data instanceof Uint8Array &&
      isCount(version) &&
      isCount(born) &&
      isAmount(changed) &&
      isCount(children)
    if (!isSound) throw this.#corrupt()
    return { data, version, born, changed, children }
  }

  #corrupt(): WatchdogError {
    const { path } = this
    return new WatchdogError('ERR_CORRUPT', `A row of the queue in ${path} is not one of ours`, { path })
  }

  /** Names of the rows below a path. */
  list(path: string): string[] {
    const from = path === '' ? 0 : path.length + 1
    const rows = this.#read(({ list }) => list.all(path)) as unknown as [string][]
    return rows.map(([child]) => {
      if (typeof child !== 'string') throw this.#corrupt()
      return child.slice(from)
    })
  }

  /** Whether the row was made; not when it was there or its parent was not. */
  insert(path: string, parent: string, data: Uint8Array): boolean {
    return this.#write(
      ({ insert }) => insert.run(path, parent, asBuffer(data), monotonicMs(), parent).changes === 1,
    )
  }

  update(path: string, data: Uint8Array, version: number, now: number): boolean {
    return this.#write(({ update }) => update.run([asBuffer(data), now, path, version]).changes === 1)
  }

  /** The new version; undefined when the row is missing. */
  overwrite(path: string, data: Uint8Array, now: number): number | undefined {
    return this.exclusively(() =>
      this.#read(({ overwrite }) => {
        return overwrite.run(asBuffer(data), now, path).changes === 1 ? this.get(path)?.version : undefined
      }),
    )
  }

  /** Not a row that has rows below it. */
  remove(path: string, version: number): boolean {
    return this.#write(({ remove }) => remove.run(path, version, version).changes === 1)
  }

  removeTree(path: string): void {
    // '0' follows '/', so these are the paths that start with `path/`.
    this.#write(({ removeTree }) => removeTree.run(path, `${path}/`, `${path}0`))
  }

  /** Differs after a write, a creation or a deletion of the row. */
  stamp(path: string): string {
    return String(this.#read(({ stamp }) => stamp.get(path)))
  }

  /** Differs after a creation or a deletion of a row below. */
  childrenStamp(path: string): string {
    return String(this.#read(({ childrenStamp }) => childrenStamp.get(path)))
  }

  revoke(path: string): void {
    this.#write(({ revoke }) => revoke.run(path))
  }

  revokedSince(number: number): { number: number; path: string }[] {
    const rows = this.#read(({ revoked }) => revoked.all(number)) as unknown as [number, string][]
    return rows.map(([at, path]) => {
      if (!isCount(at) || typeof path !== 'string') throw this.#corrupt()
      return { number: at, path }
    })
  }

  /** Runs `work` in a transaction that holds the right to write from its start. */
  exclusively<T>(work: () => T): T {
    const { database } = this.#open()
    database.exec('BEGIN IMMEDIATE')
    this.#isHeld = false
    this.#isWriting = true
    try {
      const result = work()
      database.exec('COMMIT')
      return result
    } catch (error) {
      // Some errors have ended the transaction already.
      if (database.inTransaction) database.exec('ROLLBACK')
      if (isDatabaseError(error)) this.#forget()
      throw error
    } finally {
      this.#isWriting = false
    }
  }

  /** Resolves when every commit so far is on the disk. Those that wait together share one flush. */
  flush(): Promise<void> {
    return this.#log.flush()
  }

  /** The descriptors go when the statements have been collected as garbage: the package knows no other way. */
  close(): void {
    this.#isClosed = true
    this.#forget()
    this.#log.close()
  }
}
