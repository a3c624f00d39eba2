// What people write for a queue's URL: blanks are forgiven, what was meant for a server is never a directory.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { WatchdogQueue } from '../../lib'
import { tempDir } from '../support/temp-dir'

const REFUSED: [url: string, meant: string][] = [
  ['127.0.0.1:2181/q', 'zk://127.0.0.1:2181/q'],
  ['localhost:2181,other:2181/q', 'zk://localhost:2181,other:2181/q'],
  ['zk:/h/x', 'zk://h/x'],
  ['ZK://h/x', 'zk://h/x'],
  ['./zk://h/x', 'zk://h/x'],
  ['zookeeper://h/x', 'zk://h/x'],
  ['zk://h/x?session=1', 'zk://h/x'],
  ['zk://h/a%20b', 'zk://h/a b'],
  ['zk://h1/x,h2/x', 'zk://h1,h2/x'],
]

describe("A queue's URL", () => {
  for (const [url, meant] of REFUSED) {
    it(`is refused as ${url}, and ${meant} is proposed`, async () => {
      await assert.rejects(
        WatchdogQueue.connect(url),
        (error) => error instanceof TypeError && error.message.includes(`did you mean '${meant}'?`),
      )
    })
  }

  it('may have blanks around it', async () => {
    const folder = tempDir()
    await using queue = await WatchdogQueue.connect(`  ${join(folder, 'q')}\n`)

    await queue.createQueue({ queue: ['a'] })

    assert.deepEqual(readdirSync(folder), ['q'])
    await assert.rejects(WatchdogQueue.connect(' zk://127.0.0.1:1/x ', { connectTimeoutMs: 100 }), {
      code: 'ERR_UNREACHABLE',
    })
  })

  it('may have a colon or a percent sign in the name of a directory', async () => {
    const folder = tempDir()
    await using queue = await WatchdogQueue.connect(join(folder, 'run:2026%41'))

    await queue.createQueue({ queue: [] })

    assert.deepEqual(readdirSync(folder), ['run:2026%41'])
  })
})
