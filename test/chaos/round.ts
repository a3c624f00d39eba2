// A round: a queue, producers, workers and managers on it, damage for a while, then quiet, the end of
// the work, and the account.

import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { WatchdogQueue } from '../../lib'
import { Actor, clocksCanJump, type RoleName } from './actor'
import { check } from './checker'
import { type FaultKind, History, type Recorded, readHistory } from './history'
import { type Place, SESSION_MS } from './place'
import { random } from './role'

const CREW: Record<RoleName, number> = { worker: 5, producer: 2, manager: 2, follower: 1 }
const FOLLOWERS = ['f1', 'f2', 'f3']
const TIMER_MS = 4000
const MAX_ATTEMPTS = 5
/** Between two acts of damage, in milliseconds. */
const BETWEEN_FAULTS_MS = 500
const LONGEST_STOP_MS = 2 * SESSION_MS
const CLOCK_JUMP_S = 7200
/** What a queue without faults needs at most for what is left of it. */
const END_MS = 120_000

export interface RoundResult {
  history: Recorded[]
  violations: string[]
}

export class Round {
  readonly #place: Place
  readonly #number: number
  readonly #historyDir: string
  readonly #scratchDir: string
  readonly #history: History
  readonly #crew = new Set<Actor>()
  readonly #failures: string[] = []
  #started = 0
  #isOver = false

  constructor(place: Place, number: number, directory: string) {
    this.#place = place
    this.#number = number
    this.#historyDir = path.join(directory, 'history')
    this.#scratchDir = path.join(directory, 'scratch')
    fs.mkdirSync(this.#historyDir, { recursive: true })
    fs.mkdirSync(this.#scratchDir)
    this.#history = new History(this.#historyDir, 'chaos')
  }

  /** Kills whoever is left. */
  async abort(): Promise<void> {
    this.#isOver = true
    await Promise.all([...this.#crew].map((actor) => actor.kill()))
  }

  async play(faultsMs: number): Promise<RoundResult> {
    const connectOptions = { sessionTimeoutMs: 10_000, connectTimeoutMs: 60_000 }
    const master = await WatchdogQueue.connect<string>(this.#place.url(this.#number, false), connectOptions)
    const follower = await WatchdogQueue.connect<string>(
      this.#place.url(this.#number, false, true),
      connectOptions,
    )
    try {
      await master.createQueue({
        queue: [],
        sealed: false,
        timerMs: TIMER_MS,
        maxAttempts: MAX_ATTEMPTS,
        onExpire: this.#number % 2 === 0 ? 'requeue' : 'report',
        // Pages that are done go, or the results of all items are kept.
        ...(this.#keepsResults ? { results: true } : {}),
      })
      await follower.createQueue({
        queue: FOLLOWERS,
        timerMs: TIMER_MS,
        after: this.#place.url(this.#number, false),
        afterDead: 'run',
      })
      for (const [role, count] of Object.entries(CREW) as [RoleName, number][]) {
        for (let i = 0; i < count; i++) await this.#start(role)
      }
      await this.#damage(faultsMs)
      await this.#finish(master, follower)
      await follower.destroy()
      await master.destroy()
    } finally {
      await this.abort()
      await follower.close()
      await master.close()
    }
    const history = readHistory(this.#historyDir)
    return { history, violations: [...this.#failures, ...check(history, this.#place.promises)] }
  }

  get #keepsResults(): boolean {
    return this.#number % 3 === 1
  }

  async #start(role: RoleName): Promise<void> {
    const name = `${role}-${this.#started++}`
    const orders = {
      url: this.#place.url(this.#number, true, role === 'follower'),
      keepsResults: this.#keepsResults,
      name,
      historyDir: this.#historyDir,
      sessionMs: SESSION_MS,
    }
    const actor = new Actor(role, orders, this.#scratchDir)
    this.#crew.add(actor)
    void actor.exited.then(({ code, signal }) => {
      this.#crew.delete(actor)
      if (signal !== 'SIGKILL' && code !== 0) this.#failures.push(`${name} ended with ${code ?? signal}`)
    })
    await actor.ready()
  }

  async #damage(forMs: number): Promise<void> {
    const end = performance.now() + forMs
    const kinds: FaultKind[] = ['kill', 'kill', 'stop', ...this.#place.faults]
    if (clocksCanJump) kinds.push('clock')
    this.#place.isRough = true
    const pending = new Set<Promise<void>>()
    // The place suffers one thing at a time; processes are hurt meanwhile.
    let placeSuffers = false
    while (performance.now() < end && !this.#isOver) {
      const kind = kinds[random(kinds.length)]!
      if (this.#place.faults.includes(kind)) {
        if (!placeSuffers) {
          placeSuffers = true
          const suffering = this.#place.suffer(kind, this.#history).finally(() => {
            placeSuffers = false
            pending.delete(suffering)
          })
          pending.add(suffering)
        }
      } else {
        const hurting = this.#hurt(kind).finally(() => pending.delete(hurting))
        pending.add(hurting)
      }
      await delay(random(2 * BETWEEN_FAULTS_MS))
    }
    await Promise.all(pending)
    this.#place.isRough = false
    this.#history.write({ op: 'quiet' })
  }

  async #hurt(kind: FaultKind): Promise<void> {
    const able = [...this.#crew].filter((actor) => !actor.stopped && actor.isRunning)
    const victim = able[random(able.length)]
    if (victim === undefined) return
    const { pid } = victim
    if (kind === 'kill') {
      // Others may know of the death before we do.
      this.#history.write({ op: 'fault', kind, pid })
      await victim.kill()
      await this.#start(victim.role)
    } else if (kind === 'stop') {
      const ms = random(LONGEST_STOP_MS)
      this.#history.write({ op: 'fault', kind, pid })
      await victim.pause(ms)
    } else {
      this.#history.write({ op: 'fault', kind, pid })
      victim.setClock(random(2 * CLOCK_JUMP_S) - CLOCK_JUMP_S)
    }
  }

  /** No more damage: producers go, the rest is worked off, and everybody ends by himself. */
  async #finish(master: WatchdogQueue<string>, follower: WatchdogQueue<string>): Promise<void> {
    const of = (role: RoleName) => [...this.#crew].filter((actor) => actor.role === role)
    const ended = (actors: Actor[]) => {
      for (const actor of actors) actor.tellToStop()
      return within(END_MS, Promise.all(actors.map(({ exited }) => exited)))
    }
    if (!(await ended(of('producer')))) this.#failures.push('A producer did not come to its end')
    await master.seal()
    const work = ended(of('worker'))
    const report = await master.waitDone({ timeoutMs: END_MS }).catch((error) => {
      this.#failures.push(`The queue was not done in time: ${error.message} ${JSON.stringify(error.report)}`)
      return undefined
    })
    if (!(await work)) this.#failures.push('A worker did not come to its end')
    if (!(await ended(of('manager')))) this.#failures.push('A manager did not come to its end')
    if (report === undefined) return
    if (!(await ended(of('follower')))) this.#failures.push('A follower did not come to its end')
    const after = await follower.counts()
    if (after.done !== FOLLOWERS.length)
      this.#failures.push(`Of the queue that comes after, ${after.done} are done`)
    if (this.#keepsResults) {
      const results: [string, string][] = []
      for await (const { item, result } of master.results()) results.push([item, String(result)])
      this.#history.write({ op: 'results', results })
    }
    const deadItems: string[] = []
    for await (const { item } of master.deadLetters()) deadItems.push(item)
    const { total, done, dead } = await master.counts()
    this.#history.write({ op: 'result', total, done, dead, deadItems })
  }
}

async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const abort = new AbortController()
  const late = delay(ms, false, { signal: abort.signal }).catch(() => false)
  const inTime = await Promise.race([promise.then(() => true), late])
  abort.abort()
  return inTime
}
