// `rollcall queue top` where nobody looks: rounds of text and of JSON.

import assert from 'node:assert/strict'
import { join } from 'node:path'

import { WatchdogQueue } from '../../../lib'
import { runCli, startCli } from '../../support/cli'
import { tempDir } from '../../support/temp-dir'

describe('rollcall queue top, piped', () => {
  let url: string
  let queue: WatchdogQueue

  beforeEach(async () => {
    url = join(tempDir(), 'jobs')
    queue = await WatchdogQueue.connect(url)
    await queue.createQueue({ queue: ['a', 'b', 'c', 'd'], expect: ['w-1', 'w-2'], maxAttempts: 1 })
  })

  afterEach(() => queue.close())

  it('prints rounds of text: how far it is, and the workers by state', async () => {
    await using timer = await queue.createTimer('w-1')
    await (await timer.lease())!.ack()

    const { code, stdout, stderr } = await runCli(['queue', 'top', '--rounds', '2', '-i', '100ms', '-q', url])

    assert.deepEqual([code, stderr], [0, ''])
    const rounds = stdout.split(/^\n/m).slice(0, -1)
    assert.equal(rounds.length, 2)
    for (const round of rounds) {
      assert.match(round, /^\d{4}-.*Z {2}.*jobs\n\[#{6}\.{18}\] 25% 1\/4, /)
      assert.match(round, /\nitems {4}3 ready, 0 leased, 1 done, 0 dead letters\n/)
      assert.match(round, /\nnever-started {2}w-2 .*\nalive {10}w-1 /)
    }
  })

  it('prints rounds of JSON, with rate and time left once they are known', async () => {
    await using timer = await queue.createTimer('w-1')
    await (await timer.lease())!.nack('broken')
    const top = startCli(['queue', 'top', '--json', '-i', '100ms', '--filter', 'never', '-q', url])
    await top.says(/\n/)
    await (await timer.lease())!.ack()
    await (await timer.lease())!.ack()
    await top.says(/"done":2,[^\n]*\n/)
    top.child.kill('SIGTERM')

    const { code, stdout } = await top.ended()

    const rounds = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const [first, last] = [rounds[0], rounds.at(-1)]
    assert.equal(code, 143)
    assert.deepEqual([first.items.dead, first.perSecond, first.timeLeftMs], [1, null, null])
    assert.deepEqual(last.items, {
      total: 4,
      ready: 1,
      delayed: 0,
      leased: 0,
      done: 2,
      dead: 1,
      failed: 1,
      retried: 0,
    })
    assert.ok(last.perSecond > 0)
    assert.ok(Math.abs(last.timeLeftMs - 1000 / last.perSecond) < 1e-6)
    assert.deepEqual(last.timers, [{ id: 'w-2', state: 'never-started' }])
  })

  it('ends when its reader goes away, and where there is no queue', async () => {
    const top = startCli(['queue', 'top', '-i', '100ms', '-q', url])
    await top.says(/0%/)
    top.child.stdout!.destroy()

    const { code, signal, stderr } = await top.ended()
    const missing = await runCli(['queue', 'top', '-q', join(tempDir(), 'nothing')])

    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
    assert.equal(missing.code, 66)
    assert.match(missing.stderr, /There is no queue at /)
  })
})
