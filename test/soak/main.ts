// Runs a board at its full update rate for as long as it is told, workers coming and going, and proves that
// nothing grows: `npm run test:soak -- --minutes 60`.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Command } from 'commander'
import { Scoreboard } from '../../lib'
import { positive } from '../support/arguments'
import type { MemberRole, Sample } from './member'
import { Series, type Verdict } from './series'

interface Options {
  minutes: number
  workers: number
  json?: string
}

const program = new Command('npm run test:soak --')
  .description(
    'Workers that publish as fast as they can, leave and are killed; managers that poll and watch. Ends with code 1 when memory, descriptors, files or locks have grown.',
  )
  .option('--minutes <n>', 'how long', positive, 60)
  .option('--workers <n>', 'how many workers at a time', positive, 200)
  .option('--json <file>', 'write all samples to this file')
  .addHelpText('after', '\nExample:\n  npm run test:soak -- --minutes 60')

/** Workers in one process: those of a crew die together. */
const HANDLES = 5
const SAMPLES = 120
const CHURN_MS = 250

class Soak {
  readonly #board: string
  readonly #residents: Record<string, ChildProcess>
  readonly #crews: ChildProcess[] = []
  readonly #started: number = performance.now()
  #next = 0
  readonly series = new Series()
  killed = 0
  left = 0

  constructor(
    readonly directory: string,
    readonly crews: number,
  ) {
    this.#board = path.join(directory, 'board')
    this.#residents = {
      poller: this.#start('poller'),
      watcher: this.#start('watcher'),
      writer: this.#start('writer'),
    }
  }

  #start(role: MemberRole): ChildProcess {
    const name = `${role}-${this.#next++}`
    const args = [role, this.#board, name, String(HANDLES)]
    return fork(path.join(__dirname, 'member.js'), args, { execArgv: ['--expose-gc'] })
  }

  async ready(): Promise<void> {
    await Promise.all(Object.values(this.#residents).map((member) => once(member, 'message')))
  }

  /** One goes, in one of two ways, and another comes. */
  async churn(): Promise<void> {
    if (this.#crews.length >= this.crews) {
      const [one] = this.#crews.splice(Math.floor(Math.random() * this.#crews.length), 1)
      const exit = once(one!, 'exit')
      if (Math.random() < 0.5) {
        one!.kill('SIGKILL')
        this.killed += HANDLES
      } else {
        one!.send('leave')
        this.left += HANDLES
      }
      await exit
    }
    const crew = this.#start('crew')
    this.#crews.push(crew)
    await once(crew, 'message')
  }

  async sample(): Promise<void> {
    const values: Record<string, number> = {}
    for (const [name, member] of Object.entries(this.#residents)) {
      if (member.exitCode !== null || member.signalCode !== null) throw new Error(`The ${name} has ended`)
      const answer = once(member, 'message')
      member.send('sample')
      const [{ residentBytes, heapBytes, descriptors, done }] = (await answer) as [Sample]
      values[`${name}: resident MB`] = residentBytes / 1e6
      values[`${name}: heap MB`] = heapBytes / 1e6
      values[`${name}: descriptors`] = descriptors
      this.series.count(name, done)
    }
    Object.assign(values, this.#ofBoard())
    this.series.add((performance.now() - this.#started) / 1000, values)
  }

  #ofBoard(): Record<string, number> {
    const files = fs.readdirSync(this.#board).map((name) => path.join(this.#board, name))
    const stats = files.flatMap((file) => fs.statSync(file, { throwIfNoEntry: false }) ?? [])
    const inodes = new Set(stats.map(({ ino }) => String(ino)))
    const locks = fs.readFileSync('/proc/locks', 'utf8').split('\n')
    using board = new Scoreboard({ baseDir: this.#board, readOnly: true })
    return {
      'board: files': files.length,
      'board: MB on disk': stats.reduce((sum, { blocks }) => sum + blocks * 512, 0) / 1e6,
      'board: locks': locks.filter((line) => inodes.has(/:(\d+) /.exec(line)?.[1] ?? '')).length,
      'board: living': board.readAll().size,
    }
  }

  async end(): Promise<void> {
    const all = [...this.#crews, ...Object.values(this.#residents)]
    await Promise.all(
      all.map(async (member) => {
        if (member.exitCode !== null || member.signalCode !== null) return
        const exit = once(member, 'exit')
        member.kill('SIGKILL')
        await exit
      }),
    )
  }
}

function report(verdicts: readonly Verdict[], soak: Soak, seconds: number): void {
  console.table(
    Object.fromEntries(
      verdicts.map(({ name, early, late, most, isFlat }) => [
        name,
        { early: +early.toFixed(2), late: +late.toFixed(2), most: +most.toFixed(2), flat: isFlat },
      ]),
    ),
  )
  const done = Object.entries(soak.series.counts).map(([name, count]) => `${name} ${Math.round(count)}`)
  console.log(
    `${Math.round(seconds)} s; ${soak.killed} workers killed, ${soak.left} left; done: ${done.join(', ')}`,
  )
}

async function main(): Promise<void> {
  const { minutes, workers, json } = program.parse().opts<Options>()
  const directory = fs.mkdtempSync(path.join(tmpdir(), 'rollcall-soak-'))
  const soak = new Soak(directory, Math.ceil(workers / HANDLES))
  const started = performance.now()
  const end = started + minutes * 60_000
  let isInterrupted = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      isInterrupted = true
    })
  }
  try {
    await soak.ready()
    for (let i = 0; i < soak.crews; i++) await soak.churn()
    let sampleAt = performance.now()
    while (performance.now() < end && !isInterrupted) {
      await soak.churn()
      if (performance.now() >= sampleAt) {
        await soak.sample()
        sampleAt += (minutes * 60_000) / SAMPLES
      }
      await delay(CHURN_MS)
    }
    await soak.sample()
  } finally {
    await soak.end()
    fs.rmSync(directory, { recursive: true, force: true })
  }
  if (json !== undefined) fs.writeFileSync(json, JSON.stringify(soak.series.samples))
  const verdicts = soak.series.verdicts()
  report(verdicts, soak, (performance.now() - started) / 1000)
  if (isInterrupted) process.exitCode = 130
  else if (verdicts.some(({ isFlat }) => !isFlat)) process.exitCode = 1
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
