// Machines of a fleet for tests: agents in this process or in their own, workers in theirs, viewers; all quick, and
// gone after the test that is running.

import {
  Fleet,
  type FleetChange,
  type FleetMember,
  type FleetSnapshot,
  type FleetViewOptions,
  type JoinOptions,
  type MachineEntry,
  type ScoreboardOptions,
} from '../../lib'
import { type Child, startChild, startReady } from './child'
import { eventually } from './eventually'
import { SESSION_MS } from './queue'

const QUICK_MS = 100
const open: (FleetMember | Fleet)[] = []

export const QUICK: Pick<JoinOptions, 'intervalMs' | 'sessionTimeoutMs'> = {
  intervalMs: QUICK_MS,
  sessionTimeoutMs: SESSION_MS,
}

export async function join(url: string, options: JoinOptions): Promise<FleetMember> {
  const member = await Fleet.join(url, { ...QUICK, ...options })
  open.push(member)
  return member
}

export async function look(url: string, options: FleetViewOptions = {}): Promise<Fleet> {
  const fleet = await Fleet.connect(url, {
    minIntervalMs: QUICK_MS,
    sessionTimeoutMs: SESSION_MS,
    ...options,
  })
  open.push(fleet)
  return fleet
}

/** In a process of its own; resolves when it is seen. */
export async function startAgent(url: string, options: JoinOptions): Promise<{ child: Child; id: string }> {
  const child = startChild('fleet-agent', url, JSON.stringify({ ...QUICK, ...options }))
  return { child, id: await child.message<string>() }
}

/** A worker in a process of its own that has published. */
export async function startWorker(options: ScoreboardOptions, status: unknown = 'ready'): Promise<Child> {
  const child = await startReady('worker', JSON.stringify(options))
  await child.ask({ method: 'open' })
  await child.ask({ method: 'update', args: [status] })
  return child
}

/** The machine of that name, when it is as `isSo` says. */
export function machine(
  fleet: Fleet,
  name: string,
  isSo: (machine: MachineEntry) => boolean = () => true,
): Promise<MachineEntry> {
  let last: FleetSnapshot | undefined
  const find = async () => {
    last = await fleet.snapshot()
    return last.machines.find((one) => one.name === name && isSo(one))
  }
  return eventually(
    find,
    () => `machine ${name}; last seen: ${JSON.stringify(last)}`,
  ) as Promise<MachineEntry>
}

/** All that a watch tells, as one text a thing. */
export class Told {
  readonly lines: string[] = []
  readonly changes: FleetChange[] = []
  readonly #stop = new AbortController()
  readonly done: Promise<void>

  constructor(fleet: Fleet) {
    this.done = this.#listen(fleet)
  }

  async #listen(fleet: Fleet): Promise<void> {
    try {
      for await (const change of fleet.watch({ signal: this.#stop.signal })) this.#take(change)
    } catch (error) {
      if (!this.#stop.signal.aborted) this.lines.push(`error ${(error as Error).message}`)
    }
  }

  #take(change: FleetChange): void {
    this.changes.push(change)
    for (const { type, machine } of change.machines) this.lines.push(`${machine.name} ${type}`)
    for (const { machine, id, reason } of change.gone) this.lines.push(`${machine}/${id} ${reason}`)
    for (const { machine, id, status, isNew, blocked } of change.workers) {
      this.lines.push(
        `${machine}/${id} ${isNew ? 'new ' : ''}${blocked ? 'blocked ' : ''}${JSON.stringify(status)}`,
      )
    }
  }

  /** Waits until it was told. */
  async line(wanted: string): Promise<void> {
    await eventually(
      () => this.lines.includes(wanted),
      () => `'${wanted}'; told: ${JSON.stringify(this.lines)}`,
    )
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.done
  }
}

afterEach('close the members and viewers of fleets', async () => {
  await Promise.all(open.splice(0).map((one) => one[Symbol.asyncDispose]()))
})
