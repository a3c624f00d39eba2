// A rollback journal as SQLite would find it after a crash, made by somebody who wants a file to be deleted.

import fs from 'node:fs'

const MAGIC = Buffer.from('d9d505f920a163d7', 'hex')
const SECTOR = 512
const PAGE = 4096

/** Beside the database `file`: when SQLite opens that, it plays the journal back and deletes `victim`. */
export function plantJournal(file: string, victim: string): void {
  const pages = fs.statSync(file).size / PAGE
  const header = Buffer.alloc(SECTOR)
  MAGIC.copy(header)
  for (const [at, word] of [0, 1, pages, SECTOR, PAGE].entries()) header.writeUInt32BE(word, 8 + 4 * at)
  const name = Buffer.from(victim)
  const end = Buffer.alloc(8)
  end.writeUInt32BE(name.length, 0)
  end.writeUInt32BE(
    name.reduce((sum, byte) => sum + byte, 0),
    4,
  )
  // The page that holds SQLite's locks, which no record is about.
  const lockPage = Buffer.alloc(4)
  lockPage.writeUInt32BE(0x4000_0000 / PAGE + 1)
  fs.writeFileSync(`${file}-journal`, Buffer.concat([header, lockPage, name, end, MAGIC]))
}
