// Fleets as they are told of, without machines: for what only looks at them.

import type { FleetSnapshot, FleetWorker, MachineEntry } from '../../lib'

export function fleetWorker(
  of: Pick<MachineEntry, 'name' | 'id'>,
  change: Partial<FleetWorker> = {},
): FleetWorker {
  return {
    id: 'web-1',
    pid: 42,
    threadId: 0,
    slot: 0,
    epoch: 1,
    state: 'live',
    status: 'cooks',
    updates: 7,
    startedAt: 0,
    updatedAt: 500,
    ageMs: 500,
    heartbeatMs: 1000,
    heartbeatAgeMs: 100,
    counters: {},
    machine: of.name,
    machineId: of.id,
    board: '/run/app',
    statusCut: false,
    ...change,
  }
}

/** @param workers what is different about each */
export function fleetMachine(
  name: string,
  workers: Partial<FleetWorker>[],
  change: Partial<MachineEntry> = {},
): MachineEntry {
  const of = { name, id: `id-of-${name}` }
  const board = {
    dir: '/run/app',
    boardId: 'b',
    slots: 128,
    live: workers.length,
    busy: 0,
    blocked: 0,
    dead: 0,
  }
  return {
    ...of,
    host: `host-of-${name}`,
    state: 'live',
    labels: {},
    joinedAt: 0,
    ageMs: 300,
    boards: [{ ...board, totals: {}, counterKinds: {} }],
    workers: workers.map((one, slot) => fleetWorker(of, { slot, id: `web-${slot}`, ...one })),
    totals: {},
    ...change,
  }
}

export function fleetSnapshot(...machines: MachineEntry[]): FleetSnapshot {
  return { url: 'zk://zk1/fleet', machines, disconnectedMs: 0, takenAt: 1_000_000 }
}
