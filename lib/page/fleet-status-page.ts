// What the handler of a fleet's page does: it tells the addresses apart, and answers each.

import type { ServerResponse } from 'node:http'
import type { Fleet } from '../fleet/fleet'
import { CONTENT_TYPES, metricsFormat } from '../metrics/exposition'
import { renderFleetMetrics, serviceDiscovery } from '../metrics/fleet-metrics'
import { fleetJson } from '../terminal/fleet-render'
import { fleetAssets } from './assets'
import { FleetFeed } from './fleet-feed'
import { readFleetChoice } from './fleet-order'
import { renderFleetPage } from './fleet-page'
import { checkHandlerOptions, type StatusHandlerOptions } from './handler-options'
import { type Asked, PageDoor } from './page-door'
import { answer, answerText } from './respond'
import { isMetricsPath } from './status-page'

const JSON_TYPE = 'application/json; charset=utf-8'

export class FleetPage extends PageDoor {
  readonly #fleet: Fleet
  readonly #feed: FleetFeed

  /** @throws {TypeError | RangeError} an option is wrong */
  constructor(fleet: Fleet, options: StatusHandlerOptions) {
    super(checkHandlerOptions(options, 'fleetHandler()'), 'fleet')
    this.#fleet = fleet
    this.#feed = new FleetFeed(fleet, this.options)
  }

  override close(): void {
    super.close()
    this.#feed.close()
  }

  protected get openPages(): number {
    return this.#feed.openPages
  }

  protected follow({ query }: Asked, begin: () => ServerResponse | undefined): Promise<void> {
    return this.#feed.follow(readFleetChoice(query), begin)
  }

  protected isForPeople({ path, query }: Asked): boolean {
    const isOther = ['json', 'metrics', 'sd'].some((name) => query.has(name))
    return !isOther && !isMetricsPath(path) && !isDiscoveryPath(path)
  }

  protected answer(asked: Asked): Promise<void> {
    const { path, query } = asked
    if (query.has('json')) return this.#json(asked)
    if (query.has('sd') || isDiscoveryPath(path)) return this.#discovery(asked)
    if (query.has('metrics') || isMetricsPath(path)) return this.#metrics(asked)
    return this.#page(asked)
  }

  async #page({ request, response, query }: Asked): Promise<void> {
    const scene = await this.#feed.scene()
    const title =
      this.options.title ?? (this.#fleet.url.split('/').findLast((part) => part !== '') || 'fleet')
    const body = renderFleetPage(scene, readFleetChoice(query), title)
    const assets = fleetAssets()
    answer(request, response, { statusCode: 200, type: 'text/html; charset=utf-8', body, assets })
  }

  async #json({ request, response, query }: Asked): Promise<void> {
    const look = await this.#feed.look()
    const { machine: id } = readFleetChoice(query)
    const machines = look.machines.filter(({ machine }) => id === undefined || machine.id === id)
    if (id !== undefined && machines.length === 0)
      return answerText(request, response, 404, 'This machine is not on the list any more.')
    const body = fleetJson({ ...look, machines }, () => true)
    answer(request, response, { statusCode: 200, type: JSON_TYPE, body })
  }

  async #metrics({ request, response, query }: Asked): Promise<void> {
    const format = metricsFormat(request.headers.accept)
    const [look, queues] = await Promise.all([this.#feed.look(), this.#feed.readQueues()])
    const { staleMs, blockedMs } = this.options
    const byWorker = query.get('by') === 'worker'
    const body = renderFleetMetrics(look, { format, queues, staleMs, blockedMs, byWorker })
    answer(request, response, { statusCode: 200, type: CONTENT_TYPES[format], body })
  }

  async #discovery({ request, response }: Asked): Promise<void> {
    const body = serviceDiscovery(await this.#feed.look())
    answer(request, response, { statusCode: 200, type: JSON_TYPE, body })
  }
}

const isDiscoveryPath = (path: string) => /\/sd\/?$/.test(path)
