// From a queue's URL to the place that keeps it. The packages behind a place load only here, when
// a queue of that kind is opened.

import { WatchdogError } from '../errors'
import { describeValue } from '../options'
import type { Store } from './store'
import type { ConnectOptions } from './types'

const DEFAULT_SESSION_MS = 15_000
const DEFAULT_CONNECT_MS = 10_000

export async function openStore(url: string, options: ConnectOptions): Promise<Store> {
  if (typeof url !== 'string' || url === '') {
    throw new TypeError(
      `Expected a queue's URL like 'zk://host1:2181,host2:2181/path', got ${describeValue(url)}`,
    )
  }
  if (url.startsWith('zk://')) {
    const { parseZookeeperUrl } = await import('./zookeeper-url.js')
    const address = parseZookeeperUrl(url)
    const { ZookeeperStore } = await import('./zookeeper-store.js')
    return ZookeeperStore.connect({
      url,
      address,
      sessionTimeoutMs: options.sessionTimeoutMs ?? DEFAULT_SESSION_MS,
      connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_MS,
      session: options.session,
      auth: options.auth,
      heartbeat: options.heartbeat ?? 'loop',
      signal: options.signal,
    })
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) {
    throw new TypeError(`Expected a queue's URL like 'zk://host:2181/path', got ${describeValue(url)}`)
  }
  throw new WatchdogError(
    'ERR_UNSUPPORTED',
    `This version keeps queues on ZooKeeper only (zk://...), got ${url}`,
  )
}
