// The nodes of a queue as rows of an SQLite database, shared by the processes of one machine. The
// only file that imports npm `libsql`.
//
// All calls are synchronous and never wait: while another process holds the database they throw
// what `isBusy()` knows, and the caller decides how long to try again (busy-retry.ts). A process
// that is killed in a transaction has changed nothing.
//
//   nodes    one row a node; `born` counts creations, `version` writes
//   revoked  timers that were taken from their owners, who are told by it
//
// A commit survives the death of any process at once; a power cut only after `flush()`.
//
// A write of one statement is a transaction by itself, half as long as one with a BEGIN of its own. But a
// statement of the package that fails, or finds the database busy, stays active: what the connection
// reads from then on stays as old as it is, and what it writes is not committed. So nothing else is done
// between such a write and its next try; and when the tries are used up, as after any other failure, the
// connection is made anew, and the next one begins with BEGIN, which leaves nothing behind when it fails.

import fs from 'node:fs'
import type { Database, Statement } from 'libsql'
import { WatchdogError } from '../../../util/errors'

/** "RCQ1" */
const APPLICATION_ID = 0x52435131
export const LOCAL_FORMAT = 1

const SCHEMA = `
  CREATE TABLE nodes (
    born INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,
    parent TEXT,
    data BLOB NOT NULL,
    version INTEGER NOT NULL,
    changed REAL NOT NULL
  );
  CREATE INDEX children ON nodes (parent);
  CREATE TABLE revoked (number INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE);`

export interface NodeRow {
  readonly data: Buffer
  readonly version: number
  readonly born: number
  readonly changed: number
  readonly children: number
}

/** Now, by the monotonic clock that all processes of the machine share, in milliseconds. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
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

type Libsql = new (path: string, options?: object) => Database

let libsql: Libsql | undefined

/** Loads npm `libsql`, which only a queue on the machine's own files needs. */
export function loadLibsql(): Libsql {
  if (libsql !== undefined) return libsql
  try {
    libsql = require('libsql') as unknown as Libsql
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
    const why = missing ? 'is not installed' : `does not load (${(cause as Error).message})`
    throw new WatchdogError(
      'ERR_UNSUPPORTED',
      `A queue on this machine's own files needs the package libsql, which ${why}. Install it with: npm install libsql`,
      { cause },
    )
  }
  return libsql
}

/** Whether another process holds the database right now. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(String((error as { code?: string }).code))
}

/** What the database's own errors mean to a user of the queue. */
export function databaseError(cause: unknown, doing: string, path: string): unknown {
  const { code = '', message } = cause as { code?: string; message: string }
  const fail = (ours: ConstructorParameters<typeof WatchdogError>[0], why: string, maybeApplied = false) =>
    new WatchdogError(ours, `Cannot ${doing} ${path}: ${why}`, { cause, path, maybeApplied })
  if (cause instanceof WatchdogError || !(cause instanceof Error)) return cause
  if (code === 'SQLITE_FULL') return fail('ERR_NO_SPACE', 'the disk is full')
  if (code.startsWith('SQLITE_READONLY')) return fail('ERR_READ_ONLY', 'it may only be read')
  if (/^SQLITE_(PERM|AUTH)/.test(code)) return fail('ERR_AUTH', message)
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return fail('ERR_CORRUPT', message)
  if (code.startsWith('SQLITE_IOERR')) return ioError(cause, doing, path)
  if (code.startsWith('SQLITE') || message.startsWith('ConnectionFailed')) return fail('ERR_SYSTEM', message)
  return cause
}

/** An input or output error; most often there is no room for the files beside the database. */
function ioError(cause: Error, doing: string, path: string): WatchdogError {
  const details = { cause, path, maybeApplied: true }
  try {
    const { bavail } = fs.statfsSync(path)
    if (bavail === 0)
      return new WatchdogError('ERR_NO_SPACE', `Cannot ${doing} ${path}: the disk is full`, details)
  } catch {
    // The error below says enough.
  }
  return new WatchdogError('ERR_SYSTEM', `Cannot ${doing} ${path}: ${cause.message}`, details)
}

/** Makes a database with the root's node in it and nothing else; it is on the disk on return. */
export function createDatabase(path: string, root: Uint8Array): void {
  const database = new (loadLibsql())(path, { timeout: 0 })
  try {
    // Without statements of its own, the connection is gone completely on close().
    database.exec(`
      PRAGMA synchronous = FULL;
      BEGIN;
      PRAGMA application_id = ${APPLICATION_ID};
      PRAGMA user_version = ${LOCAL_FORMAT};
      ${SCHEMA}
      INSERT INTO nodes (path, parent, data, version, changed)
        VALUES ('', NULL, x'${Buffer.from(root).toString('hex')}', 0, ${monotonicMs()});
      COMMIT;
      PRAGMA journal_mode = WAL;`)
  } finally {
    database.close()
  }
}

const COLUMNS = `n.data, n.version, n.born, n.changed, (SELECT count(*) FROM nodes c WHERE c.parent = n.path)`

function prepareAll(database: Database) {
  const prepare = (sql: string): Statement => database.prepare(sql)
  const raw = (sql: string): Statement => database.prepare(sql).raw()
  return {
    get: raw(`SELECT ${COLUMNS} FROM nodes n WHERE path = ?`),
    list: raw('SELECT path FROM nodes WHERE parent = ?'),
    insert: prepare(`INSERT OR IGNORE INTO nodes (path, parent, data, version, changed)
      SELECT ?, ?, ?, 0, ? WHERE EXISTS (SELECT 1 FROM nodes WHERE path = ?)`),
    update: prepare(
      'UPDATE nodes SET data = ?, version = version + 1, changed = ? WHERE path = ? AND version = ?',
    ),
    overwrite: prepare('UPDATE nodes SET data = ?, version = version + 1, changed = ? WHERE path = ?'),
    remove: prepare(`DELETE FROM nodes WHERE path = ? AND (version = ? OR ? = -1)
      AND NOT EXISTS (SELECT 1 FROM nodes c WHERE c.parent = nodes.path)`),
    removeTree: prepare(`DELETE FROM nodes WHERE path = ? OR (path >= ? AND path < ?)`),
    stamp: raw('SELECT version, born FROM nodes WHERE path = ?'),
    // Its own end is a change to its children too, also where it had none.
    childrenStamp: raw(
      'SELECT count(*), max(born), (SELECT count(*) FROM nodes WHERE path = ?1) FROM nodes WHERE parent = ?1',
    ),
    revoke: prepare('INSERT OR IGNORE INTO revoked (path) VALUES (?)'),
    revoked: raw('SELECT number, path FROM revoked WHERE number > ?'),
  }
}

interface Connection {
  readonly database: Database
  readonly statements: ReturnType<typeof prepareAll>
}

function openConnection(path: string): Connection {
  const database = new (loadLibsql())(path, { timeout: 0 })
  try {
    const pragma = (name: string) =>
      (database.prepare(`PRAGMA ${name}`).raw().get() as unknown as [number])[0]
    // The first read makes the log's file, under the name that the folder has now.
    const [application, format] = [pragma('application_id'), pragma('user_version')]
    if (application !== APPLICATION_ID || format !== LOCAL_FORMAT) {
      const has = application === APPLICATION_ID ? `format ${format}` : 'a format of another program'
      throw new WatchdogError(
        'ERR_VERSION',
        `The queue in ${path} has ${has}; this version of rollcall knows ${LOCAL_FORMAT}. Finish it with the version that made it, or remove its directory`,
        { path },
      )
    }
    database.exec('PRAGMA synchronous = NORMAL')
    return { database, statements: prepareAll(database) }
  } catch (error) {
    database.close()
    throw error
  }
}

function isDatabaseError(error: unknown): boolean {
  return String((error as { code?: string }).code).startsWith('SQLITE')
}

export class LocalDatabase {
  readonly path: string
  #connection: Connection | undefined
  #isClosed = false
  #isWriting = false
  /** Somebody has held the database for longer than a write takes. */
  #isHeld = false
  #log: number | undefined
  #flushing: Promise<void> | undefined
  #nextFlush: Promise<void> | undefined

  /** Opens a database that is there. Throws as described above. */
  constructor(path: string) {
    this.path = path
    this.#connection = openConnection(path)
  }

  #open(): Connection {
    if (this.#connection !== undefined) return this.#connection
    // Opening would make the file anew.
    if (this.#isClosed || !fs.existsSync(this.path)) {
      throw new WatchdogError('ERR_CLOSED', `The queue in ${this.path} is closed`, { retryable: false })
    }
    this.#connection = openConnection(this.path)
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
        if (isBusy(error) && tries < TRIES_AT_ONCE) {
          if (tries >= TRIES_WITHOUT_PAUSE) Atomics.wait(NEVER, 0, 0, PAUSE_MS * (0.5 + Math.random()))
          continue
        }
        if (isDatabaseError(error)) this.#forget()
        this.#isHeld = isBusy(error)
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
    return { data, version, born, changed, children }
  }

  /** Names of the rows below a path. */
  list(path: string): string[] {
    const from = path === '' ? 0 : path.length + 1
    const rows = this.#read(({ list }) => list.all(path)) as unknown as [string][]
    return rows.map(([child]) => child.slice(from))
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
    return rows.map(([at, path]) => ({ number: at, path }))
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
    if (this.#flushing === undefined) {
      this.#flushing = this.#flush().finally(() => {
        this.#flushing = undefined
      })
      return this.#flushing
    }
    // The one on its way may have begun before the newest commit.
    this.#nextFlush ??= this.#flushing
      .catch(() => {})
      .then(() => {
        this.#nextFlush = undefined
        return this.flush()
      })
    return this.#nextFlush
  }

  async #flush(): Promise<void> {
    // Every commit is in the log first; what has left it for the database was flushed on the way.
    this.#log ??= fs.openSync(`${this.path}-wal`, 'r')
    const log = this.#log
    await new Promise<void>((resolve, reject) => {
      fs.fdatasync(log, (cause) => {
        if (cause === null) resolve()
        else reject(databaseError(cause, 'flush', this.path))
      })
    })
  }

  /** The descriptors go when the statements have been collected as garbage: the package knows no other way. */
  close(): void {
    this.#isClosed = true
    this.#forget()
    const log = this.#log
    this.#log = undefined
    if (log === undefined) return
    const close = () => fs.closeSync(log)
    if (this.#flushing === undefined) close()
    else this.#flushing.then(close, close)
  }
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.length)
}
