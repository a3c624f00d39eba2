// A process that becomes another user once all code is loaded, since that user may not be allowed to read it. Each
// message { what, options, method, args } is a call on a board, a queue or the metrics; each answer { value } or
// { code, message }. argv: uid, gid.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Counter, Registry } from 'prom-client'
import { clusterMetrics, publishMetrics, Scoreboard, WatchdogQueue } from '../../lib'
import '../../lib/metrics/prom'

export interface OtherUserRequest {
  what: 'open' | 'board' | 'cluster' | 'publish' | 'queue'
  options?: unknown
  method?: string
  args?: unknown[]
}

const [uid, gid] = process.argv.slice(2).map(Number) as [number, number]
const registry = new Registry()
const jobs = new Counter({ name: 'jobs', help: 'Jobs', registers: [registry] })
let board: Scoreboard

async function perform({ what, options, method, args = [] }: OtherUserRequest): Promise<unknown> {
  const call = (object: object) =>
    (object as Record<string, (...args: unknown[]) => unknown>)[method!]!(...args)
  if (what === 'open') {
    board = new Scoreboard(options as never)
    return board.workerId
  }
  if (what === 'board') return call(board)
  if (what === 'cluster') return clusterMetrics(options as never)
  if (what === 'publish') {
    const publication = publishMetrics(registry, options as never)
    jobs.inc(args[0] as number)
    await publication.publish()
    return undefined
  }
  await using queue = await WatchdogQueue.connect(options as string)
  return await call(queue)
}

/** What a queue loads when it is first used, by the paths that it uses. */
async function useQueue(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-test-'))
  const queue = await WatchdogQueue.connect(directory)
  await queue.createQueue({ queue: ['a'] })
  await queue.counts()
  await queue.destroy()
  await queue.close()
  rmSync(directory, { recursive: true, force: true })
}

// Loads what prom-client loads when it is first asked, and looks up prom-client as each scrape does.
const noBoard = clusterMetrics({ baseDir: '/dev/null/none' }).catch(() => {})
void Promise.all([registry.metrics(), noBoard, useQueue()]).then(() => {
  process.umask(0o022)
  process.setgroups!([gid])
  process.setgid!(gid)
  process.setuid!(uid)
  process.send!('ready')
})

process.on('message', async (request: OtherUserRequest) => {
  try {
    process.send!({ value: await perform(request) })
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    process.send!({ code, message })
  }
})
process.on('disconnect', () => process.exit(0))
