// A round of a fleet: machines with workers and an agent each, and viewers; damage for a while, then quiet, and the
// account.

import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Actor } from './actor'
import { checkFleet, LOST_AFTER_MS } from './fleet-checker'
import type { FleetOrders } from './fleet-role'
import { type FaultKind, History, readHistory } from './history'
import { type Place, SESSION_MS } from './place'
import { random } from './role'
import type { RoundResult } from './round'

const MACHINES = ['m1', 'm2', 'm3']
const WORKERS = 3
const VIEWERS = 2
/** Between two acts of damage, in milliseconds. */
const BETWEEN_FAULTS_MS = 500
const LONGEST_STOP_MS = 2 * SESSION_MS
const LONGEST_AWAY_MS = 2 * SESSION_MS
/** How long the viewers have for what is at the end. */
const END_MS = 150_000
const KINDS: FaultKind[] = ['kill', 'kill', 'kill', 'stop']

type FleetRoleName = 'fleet-agent' | 'fleet-worker' | 'fleet-viewer'

interface Member {
  readonly actor: Actor<FleetRoleName>
  readonly name: string
  readonly machine: string
}

export class FleetRound {
  readonly #place: Place
  readonly #number: number
  readonly #directory: string
  readonly #history: History
  readonly #members = new Set<Member>()
  readonly #failures: string[] = []
  #started = 0
  #isOver = false

  constructor(place: Place, number: number, directory: string) {
    this.#place = place
    this.#number = number
    this.#directory = directory
    for (const name of ['history', 'scratch', ...MACHINES]) {
      fs.mkdirSync(path.join(directory, name), { recursive: true })
    }
    this.#history = new History(path.join(directory, 'history'), 'chaos')
  }

  /** Kills whoever is left. */
  async abort(): Promise<void> {
    this.#isOver = true
    await Promise.all([...this.#members].map(({ actor }) => actor.kill()))
  }

  async play(faultsMs: number): Promise<RoundResult> {
    try {
      for (const machine of MACHINES) {
        await this.#start('fleet-agent', machine)
        for (let i = 0; i < WORKERS; i++) await this.#start('fleet-worker', machine)
      }
      for (let i = 0; i < VIEWERS; i++) await this.#start('fleet-viewer', '')
      // One machine is dark for so long that everybody has to see it.
      const dark = this.#away(MACHINES[random(MACHINES.length)]!, LOST_AFTER_MS + 2000)
      await Promise.all([dark, this.#damage(faultsMs)])
      const expected = this.#expected()
      await this.#finish(expected)
      const history = readHistory(path.join(this.#directory, 'history'))
      return { history, violations: [...this.#failures, ...checkFleet(history, expected)] }
    } finally {
      await this.abort()
    }
  }

  async #start(role: FleetRoleName, machine: string): Promise<void> {
    const name = `${role.slice('fleet-'.length)}-${this.#started++}`
    const orders: FleetOrders = {
      url: this.#place.url(this.#number, true),
      name,
      machine,
      boardDir: path.join(this.#directory, machine),
      historyDir: path.join(this.#directory, 'history'),
      sessionMs: SESSION_MS,
    }
    const actor = new Actor(role, orders, path.join(this.#directory, 'scratch'))
    const member = { actor, name, machine }
    this.#members.add(member)
    void actor.exited.then(({ code, signal }) => {
      this.#members.delete(member)
      if (signal !== 'SIGKILL' && code !== 0) this.#failures.push(`${name} ended with ${code ?? signal}`)
    })
    await actor.ready()
  }

  async #damage(forMs: number): Promise<void> {
    const end = performance.now() + forMs
    const kinds = [...KINDS, ...this.#place.faults]
    this.#place.isRough = true
    const pending = new Set<Promise<void>>()
    let placeSuffers = false
    while (performance.now() < end && !this.#isOver) {
      const kind = kinds[random(kinds.length)]!
      const isOfPlace = this.#place.faults.includes(kind)
      if (!isOfPlace || !placeSuffers) {
        placeSuffers ||= isOfPlace
        const suffering = (isOfPlace ? this.#place.suffer(kind, this.#history) : this.#hurt(kind)).finally(
          () => {
            if (isOfPlace) placeSuffers = false
            pending.delete(suffering)
          },
        )
        pending.add(suffering)
      }
      await delay(random(2 * BETWEEN_FAULTS_MS))
    }
    await Promise.all(pending)
    this.#place.isRough = false
    this.#history.write({ op: 'quiet' })
  }

  async #hurt(kind: FaultKind): Promise<void> {
    const able = [...this.#members].filter(({ actor }) => !actor.stopped && actor.isRunning)
    const victim = able[random(able.length)]
    if (victim === undefined) return
    const { actor, name, machine } = victim
    this.#history.write({ op: 'fault', kind, pid: actor.pid })
    if (kind === 'stop') return actor.pause(random(LONGEST_STOP_MS))
    if (actor.role === 'fleet-agent') return this.#away(machine, random(LONGEST_AWAY_MS))
    if (actor.role === 'fleet-worker') this.#history.write({ op: 'killing', worker: name })
    await actor.kill()
    await this.#start(actor.role, machine)
  }

  /** Its agent is killed, and comes back after a while. */
  async #away(machine: string, ms: number): Promise<void> {
    const agent = [...this.#members].find(
      ({ actor, machine: of }) => actor.role === 'fleet-agent' && of === machine,
    )
    if (agent === undefined) return
    // The only one that may touch it until it is back.
    agent.actor.stopped = true
    this.#history.write({ op: 'down', machine })
    await agent.actor.kill()
    await delay(ms)
    if (!this.#isOver) await this.#start('fleet-agent', machine)
  }

  #expected(): Record<string, string[]> {
    const workers = (machine: string) =>
      [...this.#members].flatMap(({ actor, name, machine: of }) =>
        actor.role === 'fleet-worker' && of === machine ? name : [],
      )
    return Object.fromEntries(MACHINES.map((machine) => [machine, ['live', ...workers(machine).sort()]]))
  }

  async #finish(expected: Record<string, string[]>): Promise<void> {
    const viewers = [...this.#members].filter(({ actor }) => actor.role === 'fleet-viewer')
    for (const { actor } of viewers) actor.process.send(expected)
    const late = delay(END_MS, 'late', { ref: false })
    const ended = await Promise.race([Promise.all(viewers.map(({ actor }) => actor.exited)), late])
    if (ended === 'late') this.#failures.push('A viewer did not come to its end')
  }
}
