// Opens the rivals' stores, each set up as for a scoreboard: no durability.

import path from 'node:path'
import type { TrialParams } from '../harness/plan'
import { latin1 } from '../latin1'
import { rivalPackage } from '.'

// biome-ignore-start lint/suspicious/noExplicitAny: packages that need not be installed have no types here
export function openLmdb(dir: string): any {
  return rivalPackage('lmdb').open({ path: path.join(dir, 'lmdb'), noSync: true, encoding: 'string' })
}

export function openSqlite(dir: string): { put: any; all: any } {
  const Database = rivalPackage('better-sqlite3')
  const database = new Database(path.join(dir, 'board.sqlite'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = OFF')
  database.exec('CREATE TABLE board (id TEXT PRIMARY KEY, status TEXT) WITHOUT ROWID')
  return {
    put: database.prepare(
      'INSERT INTO board VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET status = excluded.status',
    ),
    all: database.prepare('SELECT id, status FROM board').raw(),
  }
}

export async function connectRedis({ stage }: TrialParams): Promise<any> {
  const client = new (rivalPackage('ioredis').Redis)({ path: stage.redisSocket })
  await client.del('board')
  return client
}
// biome-ignore-end lint/suspicious/noExplicitAny: as above

const LINE_BYTES = 128
const STATUS_BYTES = 64

export interface SharedBoard {
  update(worker: number, status: string): void
  readAll(): Map<number, string>
}

/**
 * The same idea without native code: a sequence number and the bytes for each worker, in memory
 * that the threads of one process share. A writer that dies leaves its entry unreadable.
 */
export function sharedBoard(workers: number): SharedBoard {
  const memory = new SharedArrayBuffer(workers * LINE_BYTES)
  const words = new Int32Array(memory)
  const bytes = latin1(Buffer.from(memory))
  const copy = latin1(Buffer.alloc(STATUS_BYTES))
  const wordsInLine = LINE_BYTES / 4
  return {
    update(worker, status) {
      const word = worker * wordsInLine
      Atomics.store(words, word, words[word]! + 1)
      words[word + 1] = bytes.latin1Write(status, worker * LINE_BYTES + 8, STATUS_BYTES)
      Atomics.store(words, word, words[word]! + 1)
    },
    readAll() {
      const statuses = new Map<number, string>()
      for (let worker = 0; worker < workers; worker++) {
        const word = worker * wordsInLine
        for (;;) {
          const before = Atomics.load(words, word)
          const length = words[word + 1]!
          bytes.copy(copy, 0, worker * LINE_BYTES + 8, worker * LINE_BYTES + 8 + length)
          if (before % 2 !== 0 || Atomics.load(words, word) !== before) continue
          statuses.set(worker, copy.latin1Slice(0, length))
          break
        }
      }
      return statuses
    },
  }
}
