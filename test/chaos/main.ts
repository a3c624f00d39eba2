// Puts the queue through random damage, round after round, and proves afterwards that every promise
// was kept: `npm run test:chaos -- --minutes 10 --store local`.

import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Command, Option } from 'commander'
import { positive } from '../support/arguments'
import { clocksCanJump } from './actor'
import { Account } from './checker'
import { FleetRound } from './fleet-round'
import type { FaultKind, Recorded } from './history'
import { openPlace, type Place, type StoreName } from './place'
import { Round } from './round'

const ROUND_MS = 45_000

interface Options {
  minutes: number
  store: StoreName
  json?: boolean
}

const program = new Command('npm run test:chaos --')
  .description(
    'Producers, workers and managers on one queue, or agents, workers and viewers of one fleet, under random SIGKILL, SIGSTOP, clock jumps, full disks, cut connections and killed leaders. Ends with code 1, and keeps the history, when a promise was broken.',
  )
  .option('--minutes <n>', 'how long, in all', positive, 10)
  .addOption(
    new Option('--store <name>', 'which kind of queue, or a fleet')
      .choices(['local', 'zk', 'fleet'])
      .default('local'),
  )
  .option('--json', 'print the figures as JSON')
  .addHelpText('after', '\nExample:\n  npm run test:chaos -- --minutes 10 --store zk')

class Tally {
  rounds = 0
  items = 0
  leases = 0
  acks = 0
  dead = 0
  timersSeen = 0
  /** Of a fleet: what its viewers were told. */
  told = 0
  violations: string[] = []
  readonly faults: Partial<Record<FaultKind, number>> = {}
  readonly failures: Record<string, number> = {}

  add(history: readonly Recorded[], violations: readonly string[]): void {
    const account = new Account(history)
    this.rounds++
    this.items += account.items('added').size
    this.leases += account.all('leased').length
    this.acks += account.all('acked').length
    this.dead += account.all('result').at(-1)?.dead ?? 0
    this.timersSeen += account.all('seen').reduce((sum, { timers }) => sum + timers.length, 0)
    this.told += account.all('told').length
    for (const { kind } of account.all('fault')) this.faults[kind] = (this.faults[kind] ?? 0) + 1
    for (const { code } of account.all('failed')) this.failures[code] = (this.failures[code] ?? 0) + 1
    this.violations.push(...violations)
  }
}

async function main(): Promise<void> {
  const { minutes, store, json } = program.parse().opts<Options>()
  const directory = fs.mkdtempSync(path.join(tmpdir(), 'rollcall-chaos-'))
  const say = (line: string) => process.stderr.write(`${line}\n`)
  if (!clocksCanJump) say('Clocks do not jump: install the package faketime for that')
  const tally = new Tally()
  const end = performance.now() + minutes * 60_000
  let place: Place | undefined
  let round: Round | FleetRound | undefined
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true
      void round?.abort()
    })
  }
  try {
    place = await openPlace(store, directory)
    for (let number = 0; performance.now() < end && !interrupted; number++) {
      const roundDir = path.join(directory, `round-${number}`)
      round = store === 'fleet' ? new FleetRound(place, number, roundDir) : new Round(place, number, roundDir)
      const { history, violations } = await round.play(Math.min(ROUND_MS, end - performance.now()))
      tally.add(history, violations)
      say(`round ${number + 1}: ${history.length} records, ${violations.length} broken promises`)
      for (const violation of violations.slice(0, 20)) say(`  ${violation}`)
      if (violations.length === 0) fs.rmSync(roundDir, { recursive: true })
    }
  } finally {
    await place?.close()
    if (tally.violations.length === 0) fs.rmSync(directory, { recursive: true, force: true })
    else say(`The histories are in ${directory}`)
  }
  const { violations, ...figures } = tally
  if (json) console.log(JSON.stringify({ store, minutes, ...figures, violations }))
  else
    console.table({
      store,
      minutes,
      ...figures,
      faults: JSON.stringify(figures.faults),
      failures: JSON.stringify(figures.failures),
      broken: violations.length,
    })
  if (interrupted) process.exitCode = 130
  else if (violations.length > 0) process.exitCode = 1
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
