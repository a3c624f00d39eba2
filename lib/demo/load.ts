// The demo's load: autocannon in a process of its own, until the parent says stop.

import autocannon from 'autocannon'

import { ROUTES } from './routes'

/** What the load tells its parent at the end. */
export interface LoadResult {
  requests: number
  /** Connections that broke in the middle of a request, as those of the killed worker may. */
  connectionErrors: number
}

const [url, seconds] = process.argv.slice(2) as [string, string]

const run = autocannon({
  url,
  connections: 64,
  // A limit of its own, should the parent never say stop.
  duration: Number(seconds),
  requests: ROUTES.map(({ method, path, body }) => ({ method, path, body })),
})

process.on('message', (message) => {
  if (message === 'stop') (run as unknown as autocannon.Instance).stop()
})
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
process.on('SIGHUP', () => {})

void run.then(({ requests, errors }) => {
  const result: LoadResult = { requests: requests.total, connectionErrors: errors }
  process.send?.(result, () => process.disconnect())
})
