// A viewer of a fleet's round: writes down all that it is told, and at the end what it sees.

import { setTimeout as delay } from 'node:timers/promises'
import { Fleet } from '../../lib'
import { again, takeOrders } from './fleet-role'
import { type History, monotonicMs } from './history'

/** How long it may take, after the last damage, to see what is. */
const SETTLE_MS = 90_000

type Machines = Record<string, string[]>

async function viewOf(fleet: Fleet): Promise<Machines> {
  const { machines } = await fleet.snapshot()
  return Object.fromEntries(
    machines.map(({ name, state, workers }) => {
      const living = workers.filter((worker) => worker.state === 'live').map(({ id }) => id)
      return [name, [state, ...living.sort()]]
    }),
  )
}

async function listen(fleet: Fleet, history: History): Promise<void> {
  for await (const { machines, workers, gone } of fleet.watch()) {
    for (const { type, machine } of machines) history.write({ op: 'told', what: type, machine: machine.name })
    for (const { reason, machine, id } of gone)
      history.write({ op: 'told', what: reason, machine, worker: id })
    for (const { isNew, machine, id } of workers) {
      if (isNew) history.write({ op: 'told', what: 'new', machine, worker: id })
    }
  }
}

async function main(): Promise<void> {
  const role = takeOrders()
  const { url, sessionMs, history, told } = role
  const options = { minIntervalMs: 200, sessionTimeoutMs: sessionMs, connectTimeoutMs: 5000 }
  const fleet = await again(() => Fleet.connect(url, options), role)
  history.write({ op: 'viewing' })
  void listen(fleet, history)
  process.send!('ready')
  const expected = JSON.stringify(await told)
  const until = monotonicMs() + SETTLE_MS
  let view = await viewOf(fleet)
  while (JSON.stringify(sorted(view)) !== expected && monotonicMs() < until) {
    await delay(100)
    view = await viewOf(fleet)
  }
  // What was seen has been told by then.
  await delay(1000)
  history.write({ op: 'view', machines: sorted(view) })
  process.exit(0)
}

const sorted = (machines: Machines): Machines => Object.fromEntries(Object.entries(machines).sort())

void main()
