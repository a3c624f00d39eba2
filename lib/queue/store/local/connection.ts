// What is in the database's file, and how it is opened: the tables and every statement on them.
//
//   nodes    one row a node; `born` counts creations, `version` writes
//   revoked  timers that were taken from their owners, who are told by it
//
// SQLite takes whatever lies beside a database for its own: it plays a journal back, and deletes the file that a
// journal names. So nothing is opened before the directory, the file and all that may lie beside it are known to
// have been left by nobody else, each time anew.

import path from 'node:path'
import type { Database, Statement } from 'libsql'
import { native } from '../../../binding'
import { monotonicMs } from '../../../util/clock'
import { WatchdogError } from '../../../util/errors'
import { checkDirectory, checkFile, checkWayTo, directoryAt, refuse, statsOf } from '../../../util/trust'
import { loadLibsql } from './libsql'

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

/** Whether the way to a queue's directory may be one that others can change. */
export interface PlaceTrust {
  readonly allowSharedDirectory?: boolean
}

/** Refuses a directory that others could put another one in the place of. */
export function checkPlace(directory: string, trust: PlaceTrust): void {
  directoryAt(directory)
  checkAbove(directory, trust)
}

/** The same, of one that may be missing, before anything is made there or on the way. */
export function checkAbove(directory: string, { allowSharedDirectory }: PlaceTrust): void {
  if (allowSharedDirectory) return
  let there = directory
  while (statsOf(there) === undefined) there = path.dirname(there)
  checkWayTo(there, native.hasAcl)
}

/** What others could have SQLite do by a file under one of these names. */
export function checkDatabase(file: string, trust: PlaceTrust): void {
  checkPlace(path.dirname(path.dirname(file)), trust)
  checkDirectory(path.dirname(file))
  // Opening would make the file anew.
  if (checkFile(file) === undefined) throw closedError(file)
  for (const suffix of ['-wal', '-shm']) checkFile(`${file}${suffix}`)
  // Only a database in the making has one, and it has another name.
  const journal = `${file}-journal`
  if (statsOf(journal) !== undefined)
    throw refuse(journal, 'no database of rollcall has such a journal; remove it')
}

export function closedError(path: string): WatchdogError {
  return new WatchdogError('ERR_CLOSED', `The queue in ${path} is closed`, { retryable: false })
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

type StatementName =
  | ('get' | 'list' | 'insert' | 'update' | 'overwrite' | 'remove' | 'removeTree')
  | ('stamp' | 'childrenStamp' | 'revoke' | 'revoked')

function prepareAll(database: Database): Record<StatementName, Statement> {
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

export interface Connection {
  readonly database: Database
  readonly statements: Readonly<Record<StatementName, Statement>>
}

/** Opens a database that is there. */
export function openConnection(path: string, trust: PlaceTrust): Connection {
  try {
    checkDatabase(path, trust)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw closedError(path)
    throw error
  }
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
