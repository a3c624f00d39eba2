// A pool of worker threads (piscina), each thread on the board with what it computes: a thread that hangs, or takes
// long, is seen from outside.
//
//   npm install piscina && node dist/examples/piscina.js [baseDir]

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { Scoreboard } from '../lib'

let board: Scoreboard | undefined

/** What a thread runs: how many primes are below `limit`. */
export default function countPrimes({ baseDir, limit }: { baseDir: string; limit: number }): number {
  // The id of a thread is `<pid>.<threadId>`; its slot is given up when the thread ends.
  board ??= new Scoreboard({ baseDir })
  board.update({ state: 'working', limit })
  let primes = 0
  for (let n = 2; n < limit; n++) if (isPrime(n)) primes += 1
  board.counters.add('tasks')
  board.update({ state: 'waiting' })
  return primes
}

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return true
}

async function main(baseDir: string): Promise<void> {
  const { Piscina } = await import('piscina')
  using manager = new Scoreboard({ baseDir, counters: { tasks: 'counter' } })
  const pool = new Piscina({ filename: __filename, minThreads: 2, maxThreads: 2 })
  const limits = [10_000, 20_000, 30_000, 40_000]
  const answers = await Promise.all(limits.map((limit) => pool.run({ baseDir, limit })))
  for (const [i, primes] of answers.entries()) console.log(`${primes} primes below ${limits[i]}`)
  for (const [id, status] of manager.readAll()) console.log(`thread ${id}: ${JSON.stringify(status)}`)
  await pool.destroy()
  console.log(`${manager.totals().tasks} tasks, ${manager.readAll().size} threads left`)
}

if (isMainThread) void main(process.argv[2] ?? mkdtempSync(join(tmpdir(), 'rollcall-example-')))
