// Connects, watches, reads, writes and closes, round after round, and looks at what is left: memory of this process,
// descriptors, connections of the server. Prints one line of JSON; ends with code 1 when something has grown.
//
// argv: number of rounds

import { readdirSync } from 'node:fs'
import type { Session } from '../../lib/queue/store/zookeeper/protocol'
import { openLoopSession } from '../../lib/queue/store/zookeeper/session'
import { startZookeeper } from '../support/zookeeper-server'

const AT_ONCE = 20
/** What memory may grow by after the first tenth, in bytes. The allocator is slow to settle; LeakSanitizer is exact. */
const NOISE_BYTES = 40 << 20

async function once(port: number): Promise<void> {
  const hosts = [{ host: '127.0.0.1', port }]
  const session = await new Promise<Session>((resolve) => {
    const opened: Session = openLoopSession({ hosts, timeoutMs: 30_000 }, ({ type }) => {
      if (type === 'connected') resolve(opened)
    })
  })
  const path = `/leak-${process.pid}-${Math.random()}`
  const node = { op: 'create', path, data: Buffer.alloc(1000), ephemeral: true, ownerOnly: false } as const
  await session.call(node)
  await Promise.all([
    session.call({ op: 'get', path, watch: true }),
    session.call({ op: 'info', path: `${path}-none`, watch: true }),
    session.call({ op: 'list', path: '/', watch: true }),
    session.call({ op: 'getAcl', path }),
    session.call({ op: 'multi', path, steps: [{ op: 'set', path, data: Buffer.alloc(10), version: -1 }] }),
  ])
  await session.close()
}

function memory(): number {
  globalThis.gc?.()
  return process.memoryUsage().rss
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[2])
  const ensemble = await startZookeeper(1)
  const { port } = ensemble.servers[0]!
  let before = { bytes: 0, descriptors: 0 }
  for (let done = 0; done < rounds; done += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => once(port)))
    if (before.bytes === 0 && done >= rounds / 10)
      before = { bytes: memory(), descriptors: readdirSync('/proc/self/fd').length }
  }
  const after = { bytes: memory(), descriptors: readdirSync('/proc/self/fd').length }
  console.log(JSON.stringify({ rounds, before, after }))
  const grown = after.bytes - before.bytes > NOISE_BYTES || after.descriptors > before.descriptors + 1
  process.exitCode = grown ? 1 : 0
  await ensemble.stop()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
