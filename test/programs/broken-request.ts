// A session whose connection ends right after a reply: the next request is made before the event loop
// has looked again, and is the first to meet the broken connection. Sends what became of three requests.
//
// argv: host:port, a file that is there once the connection is broken

import { existsSync } from 'node:fs'
import { openLoopSession } from '../../lib/queue/store/zookeeper/session'
import { parseZookeeperUrl } from '../../lib/queue/store/zookeeper/url'

export interface BrokenRequestReport {
  /** The codes of the replies: before, at and after the end of the connection. */
  codes: number[]
  events: string[]
}

async function main(): Promise<void> {
  const [server, broken] = process.argv.slice(2) as [string, string]
  const events: string[] = []
  let connects = 0
  let wake = () => {}
  const connected = async (times: number) => {
    while (connects < times)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
  }
  const { hosts } = parseZookeeperUrl(`zk://${server}/queue`)
  const session = openLoopSession({ hosts, timeoutMs: 20_000 }, ({ type }) => {
    events.push(type)
    if (type === 'connected') connects++
    wake()
  })
  await connected(1)
  const request = { op: 'get', path: '/', watch: false } as const
  const codes = [(await session.call(request)).rc]
  await new Promise((resolve) => setImmediate(resolve))
  const clock = new Int32Array(new SharedArrayBuffer(4))
  while (!existsSync(broken)) Atomics.wait(clock, 0, 0, 5)
  codes.push((await session.call(request)).rc)
  await connected(2)
  codes.push((await session.call(request)).rc)
  process.send!({ codes, events } satisfies BrokenRequestReport)
  await session.close()
  process.disconnect()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
