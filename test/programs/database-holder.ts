// Holds the database of a local queue in a transaction that has changed something, for ever.
//
// argv: directory of the queue

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'

const folder = join(process.argv[2]!, 'queue')
const name = readdirSync(folder).find((one) => one.endsWith('.db'))!
const database = new Database(join(folder, name), { timeout: 0 } as object)
database.exec(
  "BEGIN IMMEDIATE; UPDATE nodes SET data = x'00', version = version + 1; DELETE FROM nodes WHERE parent IS NOT NULL",
)
process.send!('holding')
setInterval(() => {}, 60_000)
