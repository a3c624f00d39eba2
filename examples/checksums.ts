// A master and workers that do something real: the SHA-256 of every file below a directory, on as
// many workers as are started, wherever they are started. Kill some of them on the way: what they
// had in hand is done by the others.
//
//   export ROLLCALL_QUEUE=/tmp/checksums
//   node dist/examples/checksums.js master /usr/share/doc     in one terminal
//   node dist/examples/checksums.js worker                    in as many others as you like
//
// On many machines: ROLLCALL_QUEUE=zk://host:2181/checksums, and nothing else changes.
//
// Each worker prints `<sha256>  <file>` as sha256sum does; the master says how far it is and how it ended.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { WatchdogQueue } from '../lib'

const TIMER_MS = 30_000
const SESSION_MS = 5_000
const WAIT_FOR_MASTER_MS = 60_000

async function* filesBelow(directory: string): AsyncGenerator<string, void, undefined> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* filesBelow(path)
    else if (entry.isFile()) yield path
  }
}

async function master(url: string, directory: string): Promise<void> {
  await using queue = await WatchdogQueue.connect(url)
  await queue.createQueue({ queue: filesBelow(directory), timerMs: TIMER_MS, ifExists: 'replace' })
  const show = async () => {
    const [items, workers] = await Promise.all([queue.counts(), queue.checkTimers()])
    console.error(
      `${items.done}/${items.total} files, ${items.leased} at work, ${workers.alive} workers, ${workers.died} died`,
    )
  }
  const progress = setInterval(() => void show().catch(() => {}), 1000)
  try {
    const report = await queue.waitDone({ workers: true })
    console.error(`done: ${report.done} files, ${report.dead} could not be read`)
    for await (const { item, error } of queue.deadLetters())
      console.error(`${item}: ${error?.message ?? 'its worker died'}`)
  } finally {
    clearInterval(progress)
  }
  await queue.destroy()
}

async function worker(url: string): Promise<void> {
  await using queue = await WatchdogQueue.connect(url, { sessionTimeoutMs: SESSION_MS })
  await queue.attachQueue({ timeoutMs: WAIT_FOR_MASTER_MS })
  await using timer = await queue.createTimer(`${hostname()}.${process.pid}`)
  await timer.run(async ({ item: file }) => {
    const hash = createHash('sha256')
    await pipeline(
      createReadStream(file),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          await timer.kick()
          yield chunk
        }
      },
      hash,
    )
    console.log(`${hash.digest('hex')}  ${file}`)
  })
}

async function main(): Promise<void> {
  const url = process.env.ROLLCALL_QUEUE
  const [role, directory] = process.argv.slice(2)
  if (url === undefined || (role !== 'worker' && !(role === 'master' && directory !== undefined))) {
    console.error('usage: ROLLCALL_QUEUE=URL checksums (master DIRECTORY | worker)')
    process.exitCode = 64
    return
  }
  await (role === 'master' ? master(url, directory!) : worker(url))
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
