// What is known of a fleet while somebody looks at its page: one look a second for all open pages, each of which is sent
// what is different on it. With nobody there, nothing runs but what the fleet's own handle does.

import type { ServerResponse } from 'node:http'
import type { Fleet } from '../fleet/fleet'
import { type FleetLook, lookAt, type MachineView, troubleOf } from '../view/fleet'
import type { QueueReading } from '../view/queue-reading'
import type { StateLimits } from '../view/worker-state'
import { cellsOf } from './fleet-cells'
import { type Block, block, type Drawn, drawFleet, type FleetScene } from './fleet-drawing'
import type { FleetChoice } from './fleet-order'
import { History } from './history'
import { QueueFeed, type Queues } from './queue-feed'
import { frame, Streams } from './streams'

interface KnownBlock {
  cells: string
  said: string
  block: Block
}

interface OpenView {
  choice: FleetChoice
  streams: Streams
  drawn: Drawn
}

const LINGER_MS = 60_000

export class FleetFeed {
  readonly #fleet: Fleet
  readonly #limits: StateLimits
  readonly #intervalMs: number
  readonly #queues: QueueFeed
  readonly #history = new History()
  readonly #views = new Map<string, OpenView>()
  /** By machine: what its block was made of, and the block. */
  #blocks = new Map<string, KnownBlock>()
  /** By machine: how many updates its workers have published. */
  #updates = new Map<string, number>()
  #sum = 0
  #timer: NodeJS.Timeout | undefined
  #wantedAt = 0
  #isLooking = false

  constructor(fleet: Fleet, options: StateLimits & { intervalMs: number; queues: Queues }) {
    this.#fleet = fleet
    this.#limits = { staleMs: options.staleMs, blockedMs: options.blockedMs }
    this.#intervalMs = options.intervalMs
    this.#queues = new QueueFeed(options.queues)
  }

  get openPages(): number {
    return [...this.#views.values()].reduce((sum, { streams }) => sum + streams.size, 0)
  }

  readQueues(): Promise<QueueReading[]> {
    return this.#queues.read()
  }

  async look(): Promise<FleetLook> {
    return lookAt(await this.#fleet.snapshot(), this.#limits)
  }

  /** Everything, up to date. */
  async scene(): Promise<FleetScene> {
    this.#wantedAt = performance.now()
    this.#timer ??= setInterval(() => void this.#tick(), this.#intervalMs).unref()
    await this.#queues.refresh()
    return this.#sceneOf(await this.look(), await this.#fleet.totals())
  }

  /** Keeps a response up to date until it is closed. */
  async follow(choice: FleetChoice, begin: () => ServerResponse | undefined): Promise<void> {
    const scene = await this.scene()
    const response = begin()
    if (response === undefined) return
    const key = JSON.stringify(choice)
    let view = this.#views.get(key)
    if (view === undefined) {
      const opened: OpenView = {
        choice,
        drawn: drawFleet(scene, choice),
        streams: new Streams(
          () => frame('all', whole(opened.drawn)),
          () => this.#views.delete(key),
        ),
      }
      this.#views.set(key, opened)
      view = opened
    }
    view.streams.add(response)
  }

  /** Ends all open pages and everything that runs. */
  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    for (const { streams } of this.#views.values()) streams.end()
    this.#views.clear()
  }

  async #tick(): Promise<void> {
    if (this.#views.size > 0) this.#wantedAt = performance.now()
    if (performance.now() - this.#wantedAt > LINGER_MS) {
      this.close()
      return
    }
    // One that takes longer than the interval is not overtaken by the next.
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      // Not waited for: a queue that does not answer must not hold up the fleet.
      void this.#queues.refresh()
      const scene = this.#sceneOf(await this.look(), await this.#fleet.totals())
      this.#history.take({ updates: this.#sum, requests: 0, bytes: 0 }, scene.look.counts.busy)
      for (const view of this.#views.values()) {
        const before = view.drawn
        view.drawn = drawFleet(scene, view.choice)
        view.streams.send(frame('tick', difference(before, view.drawn)))
      }
    } catch {
      // The fleet's handle was closed: pages come back, and are told why.
      this.close()
    } finally {
      this.#isLooking = false
    }
  }

  #sceneOf(look: FleetLook, totals: Record<string, number>): FleetScene {
    const before = this.#blocks
    const updates = new Map<string, number>()
    this.#blocks = new Map()
    for (const view of look.machines) {
      const { id } = view.machine
      this.#blocks.set(id, this.#blockOf(view, before.get(id)))
      let sum = 0
      for (const worker of view.machine.workers) sum += worker.updates
      updates.set(id, sum)
      // Those of a worker that has gone are in no sum any more: then there are fewer, and nothing is known of the others.
      this.#sum += Math.max(0, sum - (this.#updates.get(id) ?? sum))
    }
    this.#updates = updates
    return {
      look,
      machines: look.machines.toSorted((a, b) => troubleOf(b) - troubleOf(a) || 0),
      blocks: new Map([...this.#blocks].map(([id, one]) => [id, one.block])),
      totals,
      history: this.#history,
      queues: this.#queues.views,
      limits: this.#limits,
    }
  }

  /** Most machines look as they did a second ago. */
  #blockOf(view: MachineView, before: KnownBlock | undefined): KnownBlock {
    const cells = cellsOf(view.kinds)
    const { name, host, state, labels } = view.machine
    const said = JSON.stringify([name, host, state, labels, view.counts, view.lost])
    if (before?.cells === cells && before.said === said) return before
    return { cells, said, block: block(view, cells) }
  }
}

/** All of it, for a page that knows nothing yet. */
function whole(drawn: Drawn) {
  return {
    ...drawn,
    order: [...drawn.blocks.keys()],
    blocks: [...drawn.blocks].map(([id, { html }]) => [id, html]),
    pictures: [],
  }
}

/** What a page that has the first needs to show the second. */
function difference(before: Drawn, now: Drawn) {
  const order = [...now.blocks.keys()]
  const moved = [...now.blocks].filter(([id, one]) => before.blocks.get(id) !== one)
  const frameBefore = (id: string) => before.blocks.get(id)?.frame
  const orderBefore = [...before.blocks.keys()]
  const isSameOrder = order.length === orderBefore.length && order.every((id, at) => id === orderBefore[at])
  return {
    texts: now.texts,
    paths: now.paths,
    pieces: Object.fromEntries(
      Object.entries(now.pieces).filter(([name, html]) => before.pieces[name] !== html),
    ),
    ...(isSameOrder ? {} : { order }),
    blocks: moved.filter(([id, one]) => frameBefore(id) !== one.frame).map(([id, { html }]) => [id, html]),
    pictures: moved
      .filter(([id, one]) => frameBefore(id) === one.frame)
      .map(([id, { url, title }]) => [id, url, title]),
  }
}
